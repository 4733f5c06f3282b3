import { describe, expect, it } from 'vitest'
import { TicketBook } from '../../src/actors/ticket-book.ts'
import { TicketStock } from '../../src/actors/ticket-stock.ts'
import { seededRng } from '../simulator/seeded-rng.ts'

const ticket = (n: number): Uint8Array => {
  const bytes = new Uint8Array(16)
  new DataView(bytes.buffer).setUint32(0, n)
  return bytes
}
const tickets = (from: number, to: number): Uint8Array[] => Array.from({ length: to - from }, (_, i) => ticket(from + i))

describe('the signer’s ticket book', () => {
  it('S-01, S-13 spends a ticket once, and only one of its own', () => {
    const book = new TicketBook(seededRng('book'))
    const [first, second] = book.issue(2) as [Uint8Array, Uint8Array]
    expect(book.spend(first)).toBe(true)
    expect(book.spend(first)).toBe(false)
    expect(book.spend(ticket(1))).toBe(false)
    expect(book.spend(new Uint8Array(0))).toBe(false)
    expect(book.spend(second)).toBe(true)
    expect(book.size).toBe(0)
  })

  it('S-02 knows nothing of what another start issued', () => {
    const [old] = new TicketBook(seededRng('before')).issue(1) as [Uint8Array]
    expect(new TicketBook(seededRng('after')).spend(old)).toBe(false)
  })

  it('voids the oldest beyond 1,024', () => {
    const book = new TicketBook(seededRng('many'))
    const [oldest, next] = book.issue(2) as [Uint8Array, Uint8Array]
    book.issue(1023)
    expect(book.size).toBe(1024)
    expect(book.spend(oldest)).toBe(false)
    expect(book.spend(next)).toBe(true)
  })
})

describe('the coordinator’s ticket stock', () => {
  it('S-13 gives one ticket of each signer, oldest first, or none at all', () => {
    const stock = new TicketStock()
    stock.add(1, tickets(0, 2))
    stock.add(2, tickets(10, 12))
    expect(stock.take([1, 2, 3])).toBeNull()
    stock.add(3, tickets(20, 21))
    expect(stock.take([1, 2, 3])).toEqual([ticket(0), ticket(10), ticket(20)])
    expect(stock.take([1, 2, 3])).toBeNull()
    expect(stock.take([1, 2])).toEqual([ticket(1), ticket(11)])
  })

  it('keeps the newest 512 of a signer', () => {
    const stock = new TicketStock()
    stock.add(1, tickets(0, 300))
    stock.add(1, tickets(300, 600))
    expect(stock.take([1])).toEqual([ticket(88)])
    let left = 0
    while (stock.take([1]) !== null) left += 1
    expect(left).toBe(511)
  })

  it('asks for more only when it runs low', () => {
    const stock = new TicketStock()
    expect(stock.wanted(1)).toBe(128)
    stock.add(1, tickets(0, 63))
    expect(stock.wanted(1)).toBe(128)
    stock.add(1, tickets(63, 64))
    expect(stock.wanted(1)).toBe(0)
    stock.clear(1)
    expect([stock.wanted(1), stock.take([1])]).toEqual([128, null])
  })
})
