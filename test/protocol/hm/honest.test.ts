import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { describe, expect, it } from 'vitest'
import { nobleCurves } from '../../../src/protocol/curve/noble-curves.ts'
import { toHex, u32 } from '../../../src/protocol/engine/bytes.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { bytes32, numbered } from '../signing/dealt-key.ts'
import { answersOf, assembleRun, ECDSA_SCHEMES, groupOf, type HmCase, makeHmCase, runHm } from './hm-run.ts'
import { expectBatch, expectEcdsa, opensslAccepts, signed } from './verify-signature.ts'

function expectAllSigned(c: HmCase, name: string): void {
  const run = runHm(c, { name })
  expect([...run.ends.values()].map((e) => e.type)).toEqual(c.signers.map(() => 'done'))
  const outcomes = assembleRun(c, run, name)
  expectBatch(c.items, outcomes, c.scheme)
}

describe.each(ECDSA_SCHEMES)('H2 signs with %s', (scheme) => {
  const { order: ORDER } = groupOf(makeHmCase({ scheme, seed: 'order' }))
  const high = (offset: bigint): Uint8Array => Buffer.from((ORDER + offset).toString(16), 'hex')

  const sets = [
    { ids: 3, threshold: 2, signers: [1, 2, 3] },
    { ids: 4, threshold: 2, signers: [1, 2, 4] },
    { ids: 4, threshold: 2, signers: [2, 3, 4] },
    { ids: 5, threshold: 3, signers: [1, 2, 3, 4, 5] },
    { ids: 5, threshold: 2, signers: [1, 3, 5] },
    { ids: 7, threshold: 3, signers: [1, 2, 4, 6, 7] },
    { ids: [3, 777, 65_534], threshold: 2, signers: [3, 777, 65_534] },
    { ids: [2, 9, 300, 40_000, 65_534], threshold: 3, signers: [2, 9, 300, 40_000, 65_534] },
  ]
  for (const { ids, threshold, signers } of sets) {
    for (const batch of scheme === 'ecdsa-p256' ? [2] : [1, 8]) {
      const set = `${threshold} of ${Array.isArray(ids) ? ids.length : ids} with S = {${signers.join()}}`
      it(`${set}, batch of ${batch} keys and digests`, () => {
        const digests = numbered('honest', batch).map(bytes32)
        expectAllSigned(makeHmCase({ scheme, ids, threshold, signers, digests, seed: 'honest' }), set)
      })
    }
  }

  it('what OpenSSL accepts', () => {
    const messages = numbered('message', 4).map(utf8ToBytes)
    const c = makeHmCase({ scheme, digests: messages.map((m) => sha256(m)), seed: 'openssl' })
    const outcomes = assembleRun(c, runHm(c))
    messages.forEach((message, b) => {
      const { signature } = signed(outcomes[b])
      const publicKey = c.items[b]?.publicKey as Uint8Array
      expect(opensslAccepts(signature, message, publicKey, scheme)).toBe(true)
      expect(opensslAccepts(signature, utf8ToBytes('another message'), publicKey, scheme)).toBe(false)
    })
  })

  it('hm 7.3 x(R) >= q, D-11: digests of 1, q - 1, q + 1 and 2^256 - 1 (reduced, as every verifier does)', () => {
    const digests = [Uint8Array.of(...new Uint8Array(31), 1), high(-1n), high(1n), new Uint8Array(32).fill(255)]
    expectAllSigned(makeHmCase({ scheme, digests, seed: 'extreme digests' }), 'extreme')
  })

  it('2.2: the same digest under the same key twice in a batch, by two requests: two nonces, two signatures', () => {
    const digest = bytes32('twice')
    const base = makeHmCase({ scheme, digests: [digest, digest], seed: 'twice' })
    const c = { ...base, keys: base.keys.map(() => base.keys[0] as (typeof base.keys)[0]) }
    const publicKey = c.keys[0]?.publicKey as Uint8Array
    const items = c.items.map((item) => ({ ...item, publicKey }))
    const outcomes = assembleRun({ ...c, items }, runHm({ ...c, items }))
    for (const outcome of outcomes) expectEcdsa(outcome, publicKey, digest, scheme)
    expect(signed(outcomes[0]).signature.slice(0, 32)).not.toEqual(signed(outcomes[1]).signature.slice(0, 32))
  })

  it('S-11: s is always low; over 64 signatures the low-s flip and both parities of R occur', () => {
    const digests = numbered('low s', 64).map(bytes32)
    const c = makeHmCase({ scheme, digests, seed: 'low s' })
    const outcomes = assembleRun(c, runHm(c)).map(signed)
    expectBatch(c.items, outcomes, scheme)
    expect(new Set(outcomes.map((o) => o.recovery))).toEqual(new Set([0, 1]))
    expect(outcomes.every((o) => BigInt(`0x${toHex(o.signature.slice(32))}`) <= ORDER / 2n)).toBe(true)
  })
})

// What does not depend on the curve.
describe('H2', () => {
  it('signs a full batch of 256 items', () => {
    const digests = numbered('full', 256).map(bytes32)
    expectAllSigned(makeHmCase({ digests, seed: 'full batch' }), 'full batch')
  })

  it('order of delivery changes nothing: 50 random schedules, the same bytes', () => {
    const c = makeHmCase({ digests: numbered('order', 2).map(bytes32), seed: 'order' })
    const answers = numbered('schedule', 50).map((seed) =>
      [...answersOf(runHm(c, { seed }))].sort(([a], [b]) => a - b).map(([, body]) => toHex(body)),
    )
    expect(new Set(answers.map((a) => a.join()))).toHaveProperty('size', 1)
  })
})

describe.each(ECDSA_SCHEMES)('back ends agree bit for bit on %s', (scheme) => {
  const digests = numbered('back ends', 2).map(bytes32)
  const native = makeHmCase({ scheme, digests, seed: 'back ends' })
  const noble = makeHmCase({ scheme, digests, seed: 'back ends', curves: nobleCurves })
  const wire = (c: HmCase, curvesFor?: (id: number) => typeof nobleCurves): string =>
    runHm(c, curvesFor === undefined ? {} : { curvesFor })
      .sent.map((p) => toHex(p.bytes))
      .sort()
      .join()

  it('all native, all noble and mixed parties send the same bytes', () => {
    const expected = wire(native)
    expect(wire(noble)).toBe(expected)
    expect(wire(native, (id) => (id === 2 ? nobleCurves : nativeCurves))).toBe(expected)
    expect(wire(noble, (id) => (id === 3 ? nativeCurves : nobleCurves))).toBe(expected)
  })

  it('assemblers of both back ends find the same signatures', () => {
    const run = runHm(native)
    expect(assembleRun(native, run)).toEqual(assembleRun({ ...native, world: noble.world }, run))
  })
})

it('wire snapshot: a seeded session must not change its bytes without a new variant byte (2.5, N4)', () => {
  const hashes = ECDSA_SCHEMES.map((scheme) => {
    const c = makeHmCase({ scheme, digests: [bytes32('snapshot')], seed: 'snapshot' })
    const run = runHm(c)
    // Each envelope once: a broadcast is a parcel per receiver.
    const order = [...run.sent].sort((a, b) => a.round - b.round || a.from - b.from)
    const envelopes = order.filter((p, i) => order.findIndex((other) => other.bytes === p.bytes) === i)
    expect(envelopes).toHaveLength(6)
    const hash = sha256.create()
    for (const { bytes } of envelopes) hash.update(u32(bytes.length)).update(bytes)
    return toHex(hash.digest())
  })
  expect(hashes[0]).toMatchInlineSnapshot(`"57234bc22afd382c8de516e5d2776281b876bc6eace315d5b8abdd852d361cf8"`)
  expect(hashes[1]).toMatchInlineSnapshot(`"970fe91f288ddaf3b9651845e82274c2fcfc312827c2658d8ee8e7f635ed739f"`)
})
