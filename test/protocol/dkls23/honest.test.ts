import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { describe, expect, it } from 'vitest'
import { nobleCurves } from '../../../src/protocol/curve/noble-curves.ts'
import { toHex, u32 } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import type { SignerItem } from '../../../src/protocol/signing/batch.ts'
import type { Refusal } from '../../../src/protocol/signing/refusal.ts'
import type { Rule } from '../../simulator/relay.ts'
import { pick, seededRng } from '../../simulator/seeded-rng.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { signed } from '../hm/verify-signature.ts'
import { bytes32, numbered, refusedItem } from '../signing/dealt-key.ts'
import { answersOf, assembleRun, type DklsCase, ends, makeDklsCase, runDkls, SCHEMES, signerItems } from './dkls-run.ts'
import { expectBatch, expectEcdsa, opensslAccepts } from './verify-signature.ts'

function expectAllSigned(c: DklsCase, name: string): void {
  const run = runDkls(c, { name })
  expect([...run.ends.values()].map((e) => e.type)).toEqual(c.signers.map(() => 'done'))
  expectBatch(c, assembleRun(c, run))
}

describe.each(SCHEMES)('DKLs23 signs, %s', (scheme) => {
  it.each<{ ids: number | readonly PartyId[]; signers: readonly PartyId[]; batch: number }>([
    { ids: 2, signers: [1, 2], batch: 1 },
    { ids: 2, signers: [1, 2], batch: 3 },
    { ids: 3, signers: [1, 2], batch: 2 },
    { ids: 3, signers: [1, 3], batch: 2 },
    { ids: 3, signers: [2, 3], batch: 2 },
    { ids: 5, signers: [1, 2, 3], batch: 2 },
    { ids: 5, signers: [1, 3, 5], batch: 1 },
    { ids: 5, signers: [2, 4, 5], batch: 1 },
    { ids: [3, 777, 65_534], signers: [3, 65_534], batch: 1 },
    { ids: 4, signers: [1, 2, 3, 4], batch: 1 },
  ])('S = $signers of $ids, batch of $batch keys and digests', ({ ids, signers, batch }) => {
    const digests = numbered('honest', batch).map(bytes32)
    const threshold = signers.length
    expectAllSigned(makeDklsCase({ scheme, ids, threshold, signers, digests, seed: 'honest' }), signers.join())
  })

  it('a full batch: 64 items, whose largest message fits into an envelope and all of whose messages fit into a reply', () => {
    const c = makeDklsCase({ scheme, digests: numbered('full', 64).map(bytes32), seed: 'full batch' })
    const run = runDkls(c)
    expectBatch(c, assembleRun(c, run))
    const lengths = run.sent.filter((p) => p.from === 1 && p.round === 2).map((p) => p.bytes.length)
    expect(lengths).toHaveLength(1)
    expect(lengths[0]).toBeGreaterThan(2_500_000)
    expect(lengths[0]).toBeLessThan(2_700_000)
  })

  it('what OpenSSL accepts', () => {
    const messages = numbered('message', 3).map(utf8ToBytes)
    const c = makeDklsCase({ scheme, digests: messages.map((m) => sha256(m)), seed: 'openssl' })
    const outcomes = assembleRun(c, runDkls(c))
    messages.forEach((message, b) => {
      const publicKey = c.items[b]?.publicKey as Uint8Array
      expect(opensslAccepts(scheme, outcomes[b], message, publicKey)).toBe(true)
      expect(opensslAccepts(scheme, outcomes[b], utf8ToBytes('another message'), publicKey)).toBe(false)
    })
  })
})

describe('batches', () => {
  /** Signer and item by item: who refuses what. */
  function withRefusals(c: DklsCase, refusals: Readonly<Record<PartyId, Readonly<Record<number, Refusal>>>>) {
    const items = (id: PartyId): readonly SignerItem[] =>
      signerItems(c, id).map((item, b) => {
        const refusal = refusals[id]?.[b]
        return refusal === undefined ? item : refusedItem(c.items[b] as (typeof c.items)[0], refusal)
      })
    return runDkls(c, { params: (id) => ({ items: items(id) }) })
  }

  it.each(SCHEMES)('decision 13, %s: refusals are per item, positions keep their index', (scheme) => {
    const c = makeDklsCase({ scheme, digests: numbered('refusals', 4).map(bytes32), seed: 'refusals' })
    const run = withRefusals(c, { 1: { 0: 'key_frozen' }, 2: { 0: 'policy_denied', 2: 'key_frozen' } })
    const outcomes = assembleRun(c, run)
    expect(outcomes[0]).toEqual({
      type: 'refused',
      by: new Map([
        [1, 'key_frozen'],
        [2, 'policy_denied'],
      ]),
    })
    expect(outcomes[2]).toEqual({ type: 'refused', by: new Map([[2, 'key_frozen']]) })
    for (const b of [1, 3]) expectEcdsa(scheme, outcomes[b], c.items[b]?.publicKey as Uint8Array, c.items[b]?.input as Uint8Array)
    for (const id of [1, 2]) expect(run.commits.get(id)).toEqual([{ type: 'answer', present: [1, 3] }])
  })

  it('three signers, each refusing another item: what is left is signed', () => {
    const c = makeDklsCase({ threshold: 3, digests: numbered('three refuse', 4).map(bytes32), seed: 'three refuse' })
    const run = withRefusals(c, { 1: { 0: 'key_frozen' }, 2: { 1: 'key_frozen' }, 3: { 3: 'key_frozen' } })
    const outcomes = assembleRun(c, run)
    expect(outcomes.map(({ type }) => type)).toEqual(['refused', 'refused', 'signed', 'refused'])
    expectEcdsa(c.scheme, outcomes[2], c.items[2]?.publicKey as Uint8Array, c.items[2]?.input as Uint8Array)
  })

  it('nothing left to sign: both rounds all the same, no share', () => {
    const c = makeDklsCase({ digests: numbered('none', 2).map(bytes32), seed: 'none' })
    const run = withRefusals(c, { 1: { 0: 'key_frozen' }, 2: { 1: 'key_frozen' } })
    expect(ends(run)).toEqual({ 1: 'done', 2: 'done' })
    expect(run.commits.get(1)).toEqual([{ type: 'answer', present: [] }])
    expect(assembleRun(c, run).map(({ type }) => type)).toEqual(['refused', 'refused'])
  })

  it.each(SCHEMES)('the same digest under the same key twice, by two requests, %s: two nonces, two signatures', (scheme) => {
    const digest = bytes32('twice')
    const base = makeDklsCase({ scheme, digests: [digest, digest], seed: 'twice' })
    const key = base.keys[0] as (typeof base.keys)[0]
    const items = base.items.map((item) => ({ ...item, publicKey: key.publicKey }))
    const c = { ...base, keys: [key, key], items }
    const outcomes = assembleRun(c, runDkls(c))
    expectBatch(c, outcomes)
    expect(signed(outcomes[0]).signature.slice(0, 32)).not.toEqual(signed(outcomes[1]).signature.slice(0, 32))
  })
})

describe('digests and signatures', () => {
  it.each(SCHEMES)('D-11 %s: digests of 1, q - 1, q + 1 and 2^256 - 1 (reduced, as every verifier does)', (scheme) => {
    const { order } = scheme === 'ecdsa-p256' ? nativeCurves.p256 : nativeCurves.secp256k1
    const digests = [1n, order - 1n, order + 1n, (1n << 256n) - 1n].map((n) =>
      Buffer.from(n.toString(16).padStart(64, '0'), 'hex'),
    )
    expectAllSigned(makeDklsCase({ scheme, digests, seed: 'extreme digests' }), 'extreme')
  })

  it.each(SCHEMES)('S-11, 14.5 assembly %s: s is low; the flip and both parities of R occur', (scheme) => {
    const c = makeDklsCase({ scheme, digests: numbered('low s', 12).map(bytes32), seed: 'low s' })
    const outcomes = assembleRun(c, runDkls(c)).map(signed)
    expectBatch(c, outcomes)
    expect(new Set(outcomes.map((o) => o.recovery))).toEqual(new Set([0, 1]))
    const { order } = scheme === 'ecdsa-p256' ? nativeCurves.p256 : nativeCurves.secp256k1
    expect(outcomes.every((o) => BigInt(`0x${toHex(o.signature.slice(32))}`) <= order / 2n)).toBe(true)
  })
})

describe('determinism', () => {
  it('order of delivery changes nothing: the same bytes under 5 random schedules', () => {
    const c = makeDklsCase({ seed: 'order', threshold: 3 })
    const answers = numbered('schedule', 5).map((name) => {
      const run = runDkls(c, { seed: 'order', rules: scheduled(name) })
      return [...answersOf(run)].sort(([a], [b]) => a - b).map(([, body]) => toHex(body))
    })
    expect(new Set(answers.map((a) => a.join()))).toHaveProperty('size', 1)
  })

  it.each(SCHEMES)('back ends agree bit for bit, %s: all native, all noble and mixed signers send the same bytes', (scheme) => {
    const c = makeDklsCase({ scheme, seed: 'back ends' })
    const wire = (curvesFor?: (id: PartyId) => typeof nobleCurves): string =>
      runDkls(c, curvesFor === undefined ? {} : { curvesFor })
        .sent.map((p) => toHex(p.bytes))
        .sort()
        .join()
    const expected = wire()
    expect(wire(() => nobleCurves)).toBe(expected)
    expect(wire((id) => (id === 2 ? nobleCurves : nativeCurves))).toBe(expected)
  })

  it.each([
    ['ecdsa-secp256k1', 2, '71021ae1909f89ed23c4981fa5b523ec186405bbeb4c93b599e89c079239ef19'],
    ['ecdsa-secp256k1', 3, '38c40c60f0dbf3e2ce5e3497d3e358c1f9a3e652b2721be6ecc6ad402cccf7aa'],
    ['ecdsa-p256', 2, '4def7bad1b0ee4ebb6539a2f8b5bd1458378f3b7d49584ee38327f22fea947a8'],
  ] as const)(
    'wire snapshot, %s, t = %i: a seeded session must not change its bytes without a new variant byte',
    (scheme, threshold, expected) => {
      const c = makeDklsCase({ scheme, threshold, ids: 3, seed: 'snapshot' })
      const run = runDkls(c)
      // Each envelope once: a broadcast is a parcel per receiver.
      const order = [...run.sent].sort((a, b) => a.round - b.round || a.from - b.from || a.to - b.to)
      const envelopes = order.filter((p, i) => order.findIndex((other) => other.bytes === p.bytes) === i)
      expect(envelopes).toHaveLength(threshold * (1 + 2 * (threshold - 1) + 1))
      const hash = sha256.create()
      for (const { bytes } of envelopes) hash.update(u32(bytes.length)).update(bytes)
      expect(toHex(hash.digest())).toBe(expected)
    },
  )
})

/** Each message waits for any number of others. */
const scheduled = (name: string): readonly Rule[] => {
  const rng = seededRng(name)
  return [{ when: {}, act: (parcel) => [{ ...parcel, late: 1 + pick(rng, 1 << 20) }] }]
}
