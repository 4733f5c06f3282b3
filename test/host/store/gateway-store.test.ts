import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type BatchRemembered,
  type GatewayKey,
  type GatewayRequest,
  type GatewayStore,
  openGatewayStore,
} from '../../../src/host/store/gateway-store.ts'
import type { KeyBatchRow, NewKeyBatch } from '../../../src/host/store/key-batches.ts'
import { hash, LATER, NOW } from './drivers.ts'
import { scratch } from './scratch.ts'

const at = scratch()
let store: GatewayStore
beforeEach(() => {
  store = openGatewayStore(at('gateway.db'))
})
afterEach(() => store.database.close())

function reopen(): void {
  store.database.close()
  store = openGatewayStore(at('gateway.db'))
}

const request = (i: number, changes: Partial<GatewayRequest> = {}): GatewayRequest => ({
  principal: 'alice',
  requestId: `req_${i}`,
  bodyHash: hash(i),
  document: new Uint8Array(400).fill(i),
  authorization: new Uint8Array(64).fill(i),
  signatureId: null,
  createdAt: NOW,
  expiresAt: LATER,
  ...changes,
})

describe('requests', () => {
  it('are sent again with the bytes of the first time', () => {
    expect(store.remember([request(1), request(2)])).toEqual([{ type: 'new' }, { type: 'new' }])
    reopen()
    const retry = request(1, { document: new Uint8Array(9), authorization: new Uint8Array(9), createdAt: NOW + 5 })
    expect(store.remember([retry])).toEqual([{ type: 'same', request: request(1) }])
    expect(store.getRequest('alice', 'req_1')).toEqual(request(1))
  })

  it('with another body are a conflict, which does not spoil its neighbours', () => {
    store.remember([request(1)])
    expect(store.remember([request(2), request(1, { bodyHash: hash(9) }), request(3)])).toEqual([
      { type: 'new' },
      { type: 'conflict' },
      { type: 'new' },
    ])
    expect(store.getRequest('alice', 'req_3')).toEqual(request(3))
    expect(store.remember([request(4), request(4), request(4, { bodyHash: hash(5) })]).map(({ type }) => type)).toEqual([
      'new',
      'same',
      'conflict',
    ])
  })

  it('belong to their principal', () => {
    store.remember([request(1)])
    expect(store.remember([request(1, { principal: 'bob', bodyHash: hash(2) })])).toEqual([{ type: 'new' }])
    expect(store.getRequest('carol', 'req_1')).toBeUndefined()
  })

  it('are found by the signature that they bring about', () => {
    store.remember([request(1, { signatureId: 'sig_1' }), request(2), request(3)])
    expect(store.requestBySignature('sig_1')?.principal).toBe('alice')
    expect(store.requestBySignature('sig_2')).toBeUndefined()
    expect(() => store.remember([request(4), request(5, { signatureId: 'sig_1' })])).toThrow(/^CONSTRAINT/)
    expect(store.getRequest('alice', 'req_4')).toBeUndefined()
  })

  it('are forgotten 24 hours after they expired, so many at a time', () => {
    store.remember(Array.from({ length: 10 }, (_, i) => request(i, { expiresAt: NOW + i })))
    const day = 24 * 60 * 60 * 1000
    expect([store.prune(NOW + day - 1), store.prune(NOW + day + 4, 3), store.prune(NOW + day + 4, 3)]).toEqual([0, 3, 2])
    expect(Array.from({ length: 10 }, (_, i) => store.getRequest('alice', `req_${i}`) === undefined).lastIndexOf(true)).toBe(4)
  })
})

describe('batches of keys', () => {
  const batch = (i: number, changes: Partial<NewKeyBatch> = {}): NewKeyBatch => ({
    id: `op_${i}`,
    principal: 'alice',
    caller: '{}',
    requestId: `req_${i}`,
    wish: new Uint8Array(50).fill(i),
    total: 3,
    createdAt: NOW,
    expiresAt: LATER,
    ...changes,
  })
  const put = (of: NewKeyBatch): BatchRemembered =>
    store.rememberBatch(
      { ...request(0), requestId: of.requestId, bodyHash: hash(of.wish[0] ?? 0, 9), document: new Uint8Array(0) },
      of,
    )
  const numberOf = (of: NewKeyBatch): number => (put(of) as { batch: KeyBatchRow }).batch.number

  it('are the same with the same content, and one among all requests of a principal', () => {
    expect(put(batch(1))).toMatchObject({ type: 'new', batch: { ...batch(1), made: 0, failed: 0, endedAt: null } })
    reopen()
    expect(put(batch(1, { id: 'op_again', createdAt: NOW + 5 }))).toMatchObject({
      type: 'same',
      batch: { id: 'op_1', createdAt: NOW },
    })
    expect(put(batch(1, { wish: new Uint8Array(50) }))).toEqual({ type: 'conflict' })
    expect(store.remember([request(1)])).toEqual([{ type: 'conflict' }])
    store.remember([request(2)])
    expect(put(batch(2))).toEqual({ type: 'conflict' })
    expect(store.batches.get('op_2')).toBeUndefined()
    expect(store.batches.get('op_1')).toEqual(store.batches.byRequest('alice', 'req_1'))
  })

  it('count what ended, each item once, and end with the last', () => {
    const number = numberOf(batch(1))
    numberOf(batch(2))
    const made = (position: number) => ({ position, keyId: hash(position), problem: null })
    expect(store.batches.end(number, made(2), NOW)).toMatchObject({ made: 1, failed: 0, endedAt: null })
    expect(store.batches.end(number, made(2), NOW)).toMatchObject({ made: 1, failed: 0 })
    expect(store.batches.end(number, { position: 0, keyId: null, problem: 'no' }, NOW)).toMatchObject({ made: 1, failed: 1 })
    reopen()
    expect(store.batches.open().map(({ id }) => id)).toEqual(['op_1', 'op_2'])
    expect(store.batches.end(number, made(1), NOW + 7)).toMatchObject({ made: 2, failed: 1, endedAt: NOW + 7 })
    expect(store.batches.open().map(({ id }) => id)).toEqual(['op_2'])
    expect(store.batches.ended(number, 0, 9)).toEqual([
      { place: 1, ...made(2) },
      { place: 2, position: 0, keyId: null, problem: 'no' },
      { place: 3, ...made(1) },
    ])
    expect(store.batches.ended(number, 1, 1)).toMatchObject([{ place: 2 }])
    expect(() => store.batches.end(number, { position: 9, keyId: null, problem: null }, NOW)).toThrow(/^CONSTRAINT/)
  })

  it('are forgotten 24 hours after they expired and not before they ended, so many items at a time', () => {
    const day = 24 * 60 * 60 * 1000
    for (const i of [1, 2, 3]) {
      const number = numberOf(batch(i, { total: 5, expiresAt: NOW + i }))
      for (let position = 0; position < (i === 3 ? 4 : 5); position++)
        store.batches.end(number, { position, keyId: hash(position), problem: null }, NOW)
    }
    const left = () => [1, 2, 3].map((i) => store.batches.get(`op_${i}`) !== undefined)
    store.prune(NOW + day, 3)
    expect(left()).toEqual([true, true, true])
    expect(store.prune(NOW + day + 1, 3)).toBe(3)
    expect(left()).toEqual([true, true, true])
    for (let calls = 0; store.prune(NOW + day + 9, 3) === 3; calls++) expect(calls).toBeLessThan(9)
    expect(left()).toEqual([false, false, true])
    expect(store.batches.ended((store.batches.get('op_3') as KeyBatchRow).number, 0, 9)).toHaveLength(4)
  })
})

describe('keys', () => {
  const key = (i: number, owner: string): GatewayKey => ({
    keyId: hash(i),
    owner,
    scheme: i % 2 === 0 ? 'eddsa-ed25519' : 'ecdsa-secp256k1',
    label: i < 4 ? 'cold' : null,
    record: new Uint8Array(250).fill(i),
    createdAt: NOW + i,
  })

  it('keep their first owner', () => {
    expect(store.addKey(key(1, 'acme'))).toBe('stored')
    reopen()
    expect([store.addKey(key(1, 'acme')), store.addKey(key(1, 'evil'))]).toEqual(['same', 'taken'])
    expect(store.getKey(hash(1))).toEqual({ ...key(1, 'acme'), usage: 'active', revision: 0, settled: 1 })
    expect(store.getKey(hash(2))).toBeUndefined()
  })

  it('are listed for one owner in pages, by scheme and label', () => {
    for (let i = 0; i < 8; i++) store.addKey(key(i, i === 5 ? 'other' : 'acme'))
    const ids = (keys: GatewayKey[]): number[] => keys.map(({ createdAt }) => createdAt - NOW)
    const first = store.listKeys({ owners: ['acme'], limit: 4 })
    expect(ids(first)).toEqual([0, 1, 2, 3])
    expect(ids(store.listKeys({ owners: ['acme'], limit: 4, after: first[3] as GatewayKey }))).toEqual([4, 6, 7])
    expect(ids(store.listKeys({ owners: ['acme'], limit: 9, scheme: 'ecdsa-secp256k1' }))).toEqual([1, 3, 7])
    expect(ids(store.listKeys({ owners: ['acme'], limit: 9, label: 'cold', scheme: 'eddsa-ed25519' }))).toEqual([0, 2])
  })
})
