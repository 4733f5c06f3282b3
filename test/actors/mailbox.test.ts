import { describe, expect, it } from 'vitest'
import { Mailbox, MailboxFull, type MailboxOptions } from '../../src/actors/mailbox.ts'
import { SYSTEM_TIMERS } from '../../src/actors/timers.ts'

interface Item {
  readonly name: string
  readonly bytes: number
}

/** A mailbox whose batches end when the test says so. */
function mailbox(options: Partial<MailboxOptions<Item>> = {}) {
  const batches: { readonly names: string; readonly end: () => void }[] = []
  const box = new Mailbox<Item>({
    capacity: 10,
    capacityBytes: 1000,
    maxBatch: () => 4,
    maxBatchBytes: 100,
    bytesOf: (item) => item.bytes,
    maxInFlight: 2,
    run: (batch) =>
      new Promise((resolve) => void batches.push({ names: batch.map((i) => i.name).join(''), end: () => resolve() })),
    ...options,
  })
  const put = (names: string, bytes = 1): void => {
    for (const name of names) box.submit({ name, bytes })
  }
  return { box, put, batches, names: () => batches.map((b) => b.names) }
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

describe('a mailbox', () => {
  it('sends an item at once when idle, and together what one turn of the event loop brought', async () => {
    const { put, names } = mailbox()
    put('a')
    await turn()
    expect(names()).toEqual(['a'])
    put('bcd')
    await turn()
    expect(names()).toEqual(['a', 'bcd'])
  })

  it('makes the next batch of what arrives while batches are under way', async () => {
    const { box, put, batches, names } = mailbox()
    for (const item of 'abcdefg') {
      put(item)
      await turn()
    }
    expect(names()).toEqual(['a', 'b'])
    expect([box.waiting, box.inFlight]).toEqual([5, 2])
    batches[1]?.end()
    await turn()
    await turn()
    expect(names()).toEqual(['a', 'b', 'cdef'])
    expect([box.waiting, box.inFlight]).toEqual([1, 2])
  })

  it('has one batch under way while the host is busy, and two again when it is not; a large one goes beside it all the same', async () => {
    let isBusy = true
    const { box, put, batches, names } = mailbox({ maxInFlight: 3, capacity: 100, maxBatch: () => 20, isBusy: () => isBusy })
    for (const item of 'abc') {
      put(item)
      await turn()
    }
    expect([names(), box.waiting]).toEqual([['a'], 2])
    put('d'.repeat(14))
    await turn()
    expect(names()).toEqual(['a', `bc${'d'.repeat(14)}`])
    batches[0]?.end()
    put('e')
    await turn()
    await turn()
    expect([names().length, box.waiting]).toEqual([2, 1])
    isBusy = false
    put('f')
    await turn()
    expect(names()[2]).toBe('ef')
  })

  it('begins further batches beside two only when they are large, and never asks for more than a batch may hold', async () => {
    const { put, names } = mailbox({ maxInFlight: 5, capacity: 200, maxBatch: () => 24 })
    const letters = 'abcdefghijklmnopqrstuvwxyz'
    for (const item of 'AB') {
      put(item)
      await turn()
    }
    for (const item of letters.slice(0, 15)) {
      put(item)
      await turn()
    }
    expect(names()).toEqual(['A', 'B'])
    put(letters.slice(15, 16))
    await turn()
    expect(names()).toEqual(['A', 'B', letters.slice(0, 16)])
    // A fourth would need 32, and a batch holds 24.
    put(letters.slice(0, 23))
    await turn()
    expect(names()).toHaveLength(3)
    put('z')
    await turn()
    expect(names()).toHaveLength(4)
  })

  it('takes nothing more when a backlog has waited for two seconds, and takes again when it moves', async () => {
    let now = 0
    const { box, put, batches } = mailbox({ maxInFlight: 1, timers: { ...SYSTEM_TIMERS, elapsed: () => now } })
    put('a')
    await turn()
    put('bcd')
    now = 2_001
    // Three are less than a batch: something has stalled, and the next batch takes them all.
    put('e')
    expect(() => put('f')).toThrow(MailboxFull)
    batches[0]?.end()
    await turn()
    await turn()
    expect([box.waiting, box.inFlight]).toEqual([0, 1])
    put('ghij')
    now = 4_001
    put('k')
    now = 4_002
    expect(() => put('l')).toThrow(MailboxFull)
  })

  it('keeps order and loses nothing, however items arrive', async () => {
    const { box, put, batches, names } = mailbox({ maxInFlight: 1, capacity: 100, capacityBytes: 1000 })
    const all = 'abcdefghijklmnopqrstuvwxyz'
    put(all)
    for (let i = 0; box.waiting + box.inFlight > 0 && i < 100; i++) {
      await turn()
      batches.at(-1)?.end()
    }
    expect(names().join('')).toBe(all)
    expect(names().every((batch) => batch.length <= 4)).toBe(true)
  })

  it('refuses beyond its bound, and takes again when a batch has left', async () => {
    const { box, put, batches } = mailbox({ maxInFlight: 1, capacity: 3 })
    put('a')
    await turn()
    put('bcd')
    expect(() => put('e')).toThrow(MailboxFull)
    expect(box.waiting).toBe(3)
    batches[0]?.end()
    await turn()
    await turn()
    put('efg')
    expect(() => put('h')).toThrow(MailboxFull)
  })

  it('refuses beyond its bytes, whatever the number, and counts them back', async () => {
    const { put, batches } = mailbox({ maxInFlight: 1, capacityBytes: 100, maxBatchBytes: 1000 })
    put('a', 60)
    await turn()
    put('b', 60)
    expect(() => put('c', 60)).toThrow(MailboxFull)
    put('d', 40)
    batches[0]?.end()
    await turn()
    await turn()
    put('e', 100)
    expect(() => put('f', 1)).toThrow(MailboxFull)
  })

  it('bounds the bytes of a batch, but lets an item larger than that go alone', async () => {
    const { put, batches, names } = mailbox({ maxInFlight: 9, capacityBytes: 10_000 })
    put('ab', 40)
    put('c', 40)
    put('d', 500)
    put('e', 1)
    await turn()
    // What fills a batch by its bytes is worth one, whatever the number.
    expect(names()).toEqual(['ab', 'c', 'd'])
    batches[0]?.end()
    batches[1]?.end()
    await turn()
    await turn()
    expect(names()).toEqual(['ab', 'c', 'd', 'e'])
  })
})
