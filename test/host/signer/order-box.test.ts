import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, describe, expect, it } from 'vitest'
import { placeOrder, watchOrders } from '../../../src/host/signer/order-box.ts'
import { carryOut, type PairOffice, type PairOrder } from '../../../src/host/signer/pair-orders.ts'
import type { PairRow } from '../../../src/host/store/pair-store.ts'
import { until } from '../process.ts'
import { temporaryDirectory } from '../temporary.ts'

const log = pino({ level: 'silent' })
let stop: (() => void) | undefined
afterEach(() => {
  stop?.()
  stop = undefined
})

describe('orders to a running host', () => {
  it('are carried out once, in turn, and answered; nothing stays behind', async () => {
    const data = temporaryDirectory()
    const seen: PairOrder[] = []
    stop = watchOrders(
      data,
      async (order) => {
        seen.push(order)
        return { done: true, lines: [JSON.stringify(order)] }
      },
      log,
    )
    const orders: readonly PairOrder[] = [{ order: 'list' }, { order: 'renew', peer: 2 }, { order: 'lift', peer: 3 }]
    const results = await Promise.all(orders.map((order) => placeOrder(data, order, 5000)))
    expect(results).toEqual(orders.map((order) => ({ done: true, lines: [JSON.stringify(order)] })))
    expect(seen).toHaveLength(3)
    expect(readdirSync(join(data, 'orders'))).toEqual([])
  })

  it('are withdrawn when no host takes them, and those of before a start are not carried out', async () => {
    const data = temporaryDirectory()
    expect(await placeOrder(data, { order: 'lift', peer: 2 }, 100)).toBeUndefined()
    expect(readdirSync(join(data, 'orders'))).toEqual([])
    writeFileSync(join(data, 'orders', 'old.order'), JSON.stringify({ order: 'lift', peer: 2 }))
    const seen: PairOrder[] = []
    const take = async (order: PairOrder) => {
      seen.push(order)
      return { done: true, lines: [] }
    }
    stop = watchOrders(data, take, log)
    expect(existsSync(join(data, 'orders'))).toBe(false)
    expect(await placeOrder(data, { order: 'list' }, 5000)).toEqual({ done: true, lines: [] })
    expect(seen).toEqual([{ order: 'list' }])
  })

  it.each([
    '',
    '{',
    '[]',
    '{"order":"lift"}',
    '{"order":"lift","peer":"2"}',
    '{"order":"lift","peer":2,"force":true}',
    '{"order":"ban"}',
  ])('%j is none: answered, and nothing done', async (text) => {
    const data = temporaryDirectory()
    stop = watchOrders(
      data,
      async () => {
        throw new Error('carried out')
      },
      log,
    )
    mkdirSync(join(data, 'orders'))
    writeFileSync(join(data, 'orders', 'x.order'), text)
    await until(() => existsSync(join(data, 'orders', 'x.result')))
    expect(readdirSync(join(data, 'orders'))).toEqual(['x.result'])
  })
})

describe('what an operator is told', () => {
  const row: PairRow = {
    peerKey: new Uint8Array(32),
    rosterHash: new Uint8Array(32),
    status: 'ok',
    setup: { pairId: new Uint8Array(32).fill(0xab), sealed: new Uint8Array(8).fill(0xcd) },
    signatures: 7,
    crashes: 0,
    strikes: 2,
    ban: null,
  }
  const office = (changes: Partial<PairOffice> = {}): PairOffice => ({
    peers: () => [2, 3],
    row: () => row,
    renew: async () => 'ok',
    lift: async () => 'not-banned',
    ...changes,
  })
  const signers = [{ index: 2, name: 'vault-b' }] as never

  it('of each peer its state, and nothing of a secret', async () => {
    const { done, lines } = await carryOut({ order: 'list' }, office(), signers)
    expect([done, lines]).toEqual([
      true,
      [
        '2  vault-b  ok      pair abababababababab  7 signatures  2 strikes',
        '3  signer 3  ok      pair abababababababab  7 signatures  2 strikes',
      ],
    ])
    expect(lines.join()).not.toContain('cd')
  })

  it('what was done, and what was not', async () => {
    const say = async (order: PairOrder, changes: Partial<PairOffice> = {}) => {
      const { done, lines } = await carryOut(order, office(changes), signers)
      return `${done} ${lines.join(' ')}`
    }
    expect(await say({ order: 'renew', peer: 2 })).toMatch(/^true The set-up with vault-b is given up\./)
    expect(await say({ order: 'renew', peer: 2 }, { renew: async () => 'none' })).toMatch(/^true There is no set-up with vault-b/)
    expect(await say({ order: 'renew', peer: 2 }, { renew: async () => 'banned' })).toBe(
      'false vault-b is banned; lift the ban first',
    )
    expect(await say({ order: 'lift', peer: 2 })).toBe('false vault-b is not banned')
    expect(await say({ order: 'lift', peer: 9 })).toBe('false there is no signer 9 beside this one in the roster')
    const ban = { code: 'OTE_CHECK', sessionId: new Uint8Array(32).fill(1), evidence: new Uint8Array(32).fill(2), bannedAt: 0 }
    const banned = { ...row, status: 'banned' as const, setup: null, ban }
    expect(await say({ order: 'lift', peer: 2 }, { row: () => banned, lift: async () => 'lifted' })).toMatch(
      /^true The ban of vault-b is lifted \(OTE_CHECK in session 0101010101010101, evidence 0202020202020202, 1970-01-01T00:00:00\.000Z\)\. There is no set-up/,
    )
  })
})
