import { ed25519ph } from '@noble/curves/ed25519.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { describe, expect, it } from 'vitest'
import { nobleCurves } from '../../../src/protocol/curve/noble-curves.ts'
import { toHex, u32 } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { subsets } from '../sharing/secret-of.ts'
import { bytes32, numbered } from '../signing/dealt-key.ts'
import { assembleRun, contextsOf, ends, FROST_SCHEMES, type FrostCaseOptions, makeFrostCase, runFrost } from './frost-run.ts'
import { expectBatch, expectFrost, signed } from './verify-signature.ts'

function expectSigned(o: FrostCaseOptions): void {
  const c = makeFrostCase(o)
  const run = runFrost(c)
  expect(Object.values(ends(run))).toEqual(c.signers.map(() => 'done'))
  expectBatch(c, assembleRun(c, run))
}

describe.each(FROST_SCHEMES)('%s', (scheme) => {
  const sets: readonly (readonly [number, number])[] = [
    [2, 2],
    [2, 3],
    [3, 3],
    [3, 5],
  ]
  it.each(sets)('any %i of %i signers', (threshold, n) => {
    const ids = Array.from({ length: n }, (_, i) => i + 1)
    for (const signers of subsets(ids, threshold))
      expectSigned({ scheme, ids: n, threshold, signers, seed: `${signers.join()} of ${n}` })
  })

  it('ids far apart', () => {
    expectSigned({ scheme, ids: [2, 300, 65_534], signers: [300, 65_534], seed: 'far apart' })
  })

  it('16 of 16, the largest', () => {
    expectSigned({ scheme, ids: 16, threshold: 16, seed: '16 of 16' })
  })

  it('F-12 a batch of 8 keys and messages, verified with and without the cofactor', () => {
    expectSigned({ scheme, inputs: numbered('batch', 8).map(bytes32), seed: 'batch' })
  })

  it('T-04: 30 random schedules, one signature', () => {
    const c = makeFrostCase({ scheme, ids: 3, threshold: 3, seed: 'order' })
    // The nonces must not depend on the schedule's seed here.
    const fixed = (id: PartyId) => {
      let n = 0
      return (length: number) => sha256(u32(100 * id + n++)).slice(0, length)
    }
    const signatures = numbered('order', 30).map((seed) => toHex(signed(assembleRun(c, runFrost(c, { seed, rngFor: fixed }))[0])))
    expect(new Set(signatures).size).toBe(1)
  })

  it('all native, all noble and mixed parties send the same bytes; both assemblers find the same', () => {
    const options = { scheme, inputs: numbered('back ends', 2).map(bytes32), seed: 'back ends' }
    const native = makeFrostCase(options)
    const noble = makeFrostCase({ ...options, curves: nobleCurves })
    const runs = [
      runFrost(native),
      runFrost(noble),
      runFrost(native, { env: (env) => (env.self === 1 ? { ...env, curves: nobleCurves } : env) }),
      runFrost(noble, { env: (env) => (env.self === 1 ? { ...env, curves: nativeCurves } : env) }),
    ]
    const bytes = runs.map((run) =>
      run.sent
        .map((p) => toHex(p.bytes))
        .sort()
        .join(),
    )
    expect(new Set(bytes).size).toBe(1)
    expect(assembleRun(noble, runs[0] as (typeof runs)[0])).toEqual(assembleRun(native, runs[0] as (typeof runs)[0]))
  })
})

describe('F-10, 14.6 parity: BIP-340, key and R with even and odd y', () => {
  it('all four combinations occur and verify', () => {
    const seen = new Set<string>()
    for (const seed of numbered('parity', 24)) {
      const c = makeFrostCase({ scheme: 'schnorr-secp256k1', seed })
      const run = runFrost(c)
      expectFrost(c.scheme, signed(assembleRun(c, run)[0]), c.items[0]?.input as Uint8Array, c.items[0]?.publicKey as Uint8Array)
      const parity = (point: Uint8Array | undefined): string => (point?.[0] === 3 ? 'odd' : 'even')
      seen.add(`key ${parity(c.items[0]?.publicKey)}, R ${parity(contextsOf(c, run)[0]?.R)}`)
    }
    expect([...seen].sort()).toEqual(['key even, R even', 'key even, R odd', 'key odd, R even', 'key odd, R odd'])
  })
})

describe('F-14', () => {
  it('Ed25519 messages of 0, 1, 1000 and 65,536 bytes', () => {
    expectSigned({ scheme: 'eddsa-ed25519', inputs: [0, 1, 1000, 65_536].map((n) => new Uint8Array(n).fill(9)), seed: 'lengths' })
  })

  it('what is signed is the message itself: neither its hash nor Ed25519ph', () => {
    const message = utf8ToBytes('a message')
    const c = makeFrostCase({ scheme: 'eddsa-ed25519', inputs: [message], seed: 'prehash' })
    const signature = signed(assembleRun(c, runFrost(c))[0])
    const publicKey = c.items[0]?.publicKey as Uint8Array
    expectFrost(c.scheme, signature, message, publicKey)
    expect(ed25519ph.verify(signature, message, publicKey)).toBe(false)
    expect(nativeCurves.ed25519Verify(signature, sha256(message), publicKey)).toBe(false)
  })
})

it('wire snapshot: a seeded session must not change its bytes in silence', () => {
  const hashes = FROST_SCHEMES.map((scheme) => {
    const run = runFrost(makeFrostCase({ scheme, inputs: [bytes32('a'), bytes32('b')], seed: 'snapshot' }))
    const hash = sha256.create()
    for (const { bytes } of [...run.sent].sort((a, b) => a.round - b.round || a.from - b.from))
      hash.update(u32(bytes.length)).update(bytes)
    return toHex(hash.digest())
  })
  expect(hashes).toMatchInlineSnapshot(`
    [
      "65ddeff226eebba0957f64c80929266554d3db3dae7dd41fda16a2771e07c808",
      "7a97f16ee038ef5e6e0386655bd94258624fdb3e7b613dff991a5c2358848b4d",
    ]
  `)
})
