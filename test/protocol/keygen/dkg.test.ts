import { sha256 } from '@noble/hashes/sha2.js'
import { describe, expect, it } from 'vitest'
import { SUITES, sessionId } from '../../../src/protocol/channel/setup.ts'
import { nobleCurves } from '../../../src/protocol/curve/noble-curves.ts'
import { compareBytes, concat, list, toHex, u16, u32 } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import type { Env } from '../../../src/protocol/engine/round.ts'
import { TAGS } from '../../../src/protocol/engine/tags.ts'
import { TH } from '../../../src/protocol/engine/transcript.ts'
import { CERTIFICATE, type Certificate, verifyCertificate } from '../../../src/protocol/keygen/certificate.ts'
import { type DkgParams, dkg } from '../../../src/protocol/keygen/dkg.ts'
import type { Scheme } from '../../../src/protocol/request/document.ts'
import { addCommitments, evaluateCommitments } from '../../../src/protocol/sharing/feldman.ts'
import { openSession } from '../../simulator/run-session.ts'
import { makeWorld, setupOf } from '../../simulator/world.ts'
import { interpolate, interpolatePoints, subsets } from '../sharing/secret-of.ts'
import {
  assertDone,
  type KeygenRun,
  keygen,
  paramsFor,
  pendingOf,
  REQUEST_HASH,
  SCHEMES_UNDER_TEST,
  worldOf,
} from './keygen-fixture.ts'
import { revealsOf } from './read-traffic.ts'

const certificateOf = (run: KeygenRun, id: PartyId = 1): Certificate => {
  const end = run.ends.get(id)
  if (end?.type !== 'done') throw new Error(`no key, seed ${run.seed}`)
  return end.result.certificate
}

const sizes = [
  [2, 2],
  [2, 3],
  [3, 3],
  [3, 5],
  [5, 5],
] as const
const cases = sizes.flatMap(([t, n]) => SCHEMES_UNDER_TEST.map((scheme) => [t, n, scheme] as const))

describe.each(cases)('an honest %i-of-%i key for %s', (threshold, n, scheme) => {
  const run = keygen({ world: worldOf(n), threshold, scheme })
  const ids = Array.from({ length: n }, (_, i) => i + 1)
  const { group } = run
  const { key } = certificateOf(run)
  const shares = new Map(ids.map((id) => [id, pendingOf(run, id)?.secret.share as Uint8Array] as const))
  const chosen = (subset: readonly PartyId[]): Map<PartyId, Uint8Array> =>
    new Map(subset.map((id) => [id, shares.get(id) as Uint8Array]))

  it('ends with one certificate at every signer', () => {
    assertDone(run)
    expect(key).toMatchObject({
      scheme,
      threshold,
      parties: ids,
      epoch: 1,
      requestHash: REQUEST_HASH,
      rosterHash: run.world.roster.hash,
    })
    expect(key.sessionId).toEqual(run.sessionId)
  })

  it('K-13 any t shares give the discrete logarithm of X, no t - 1 shares do', () => {
    for (const subset of subsets(ids, threshold)) {
      expect(group.baseMul(interpolate(group, chosen(subset)))).toEqual(key.publicKey)
    }
    for (const subset of subsets(ids, threshold - 1)) {
      expect(group.baseMul(interpolate(group, chosen(subset)))).not.toEqual(key.publicKey)
    }
  })

  it('the shares fit X_j and lie on the polynomial that the Feldman commitments fix', () => {
    const reveals = revealsOf(run)
    const total = addCommitments(
      group,
      ids.map((id) => reveals.get(id)?.commitments as Uint8Array[]),
    ) as Uint8Array[]
    expect(total).toHaveLength(threshold)
    expect(total[0]).toEqual(key.publicKey)
    for (const [i, id] of ids.entries()) {
      expect(group.baseMul(shares.get(id) as Uint8Array)).toEqual(key.verificationShares[i])
      expect(evaluateCommitments(group, total, group.scalar(id))).toEqual(key.verificationShares[i])
    }
    const points = new Map(ids.slice(0, threshold).map((id, i) => [id, key.verificationShares[i] as Uint8Array]))
    expect(interpolatePoints(group, points)).toEqual(key.publicKey)
  })

  it('K-11 every signer has the same chain code; key id and epoch id are its hashes', () => {
    const chains = new Set(ids.map((id) => toHex(pendingOf(run, id)?.secret.chain as Uint8Array)))
    expect(chains.size).toBe(1)
    const chain = pendingOf(run, 1)?.secret.chain as Uint8Array
    const reveals = revealsOf(run)
    const total = addCommitments(
      group,
      ids.map((id) => reveals.get(id)?.commitments as Uint8Array[]),
    ) as Uint8Array[]
    expect(key.keyId).toEqual(TH(TAGS.key, u16(SUITES[scheme]), key.publicKey, chain))
    expect(key.epochId).toEqual(TH(TAGS.epoch, key.keyId, u32(1), run.world.roster.hash, list(total)))
  })
})

describe('other sets', () => {
  it('K-18 16 of 16, the largest', () => {
    const run = keygen({ world: worldOf(16), threshold: 16 })
    assertDone(run)
    expect(CERTIFICATE.encode(certificateOf(run)).length).toBeLessThan(2000)
  })

  it.each(SCHEMES_UNDER_TEST)('ids that are not 1..n, also the largest: %s', (scheme) => {
    const ids = [2, 7, 300, 65534]
    const run = keygen({ world: makeWorld({ ids, seed: 'gaps' }), threshold: 3, scheme })
    assertDone(run)
    const shares = new Map([7, 300, 65534].map((id) => [id, pendingOf(run, id)?.secret.share as Uint8Array]))
    expect(run.group.baseMul(interpolate(run.group, shares))).toEqual(certificateOf(run, 2).key.publicKey)
  })

  it('two sessions make two keys; one session repeated with the same randomness makes the same', () => {
    const keyOf = (run: KeygenRun): string => toHex(certificateOf(run).key.publicKey)
    expect(keyOf(keygen({ seed: 'a' }))).toBe(keyOf(keygen({ seed: 'a' })))
    expect(keyOf(keygen({ seed: 'a' }))).not.toBe(keyOf(keygen({ seed: 'b' })))
  })

  it('K-19: no two contributions of 20 key generations share a coordinate', () => {
    const seen = new Set<string>()
    let points = 0
    for (let i = 0; i < 20; i++) {
      for (const { commitments, possession } of revealsOf(keygen({ seed: `contribution ${i}` })).values()) {
        for (const point of [...commitments, possession.commitment]) {
          seen.add(toHex(point.slice(-32)))
          points += 1
        }
      }
    }
    expect(points).toBe(20 * 3 * 3)
    expect(seen.size).toBe(points)
  })

  it('K-19: the randomness of one signer does not decide the key', () => {
    const stuck = (env: Env, params: DkgParams) => dkg({ ...env, rng: (length) => new Uint8Array(length).fill(7) }, params)
    const keys = ['x', 'y'].map((seed) => {
      const run = keygen({ seed, rogues: new Map([[3, stuck]]) })
      assertDone(run)
      return toHex(certificateOf(run).key.publicKey)
    })
    expect(keys[0]).not.toBe(keys[1])
  })
})

describe('both back ends', () => {
  it.each(SCHEMES_UNDER_TEST)('say the same bytes for %s', (scheme) => {
    const run = (curves: typeof nobleCurves): KeygenRun => keygen({ world: { ...worldOf(3), curves }, scheme, seed: 'twins' })
    const noble = run(nobleCurves)
    assertDone(noble)
    expect(noble.traffic.map(toHex)).toEqual(run(worldOf(3).curves).traffic.map(toHex))
  })

  const wireOf = (scheme: Scheme): string =>
    toHex(sha256(concat(...keygen({ scheme, seed: 'wire' }).traffic.toSorted(compareBytes))))

  it('the wire of a seeded run is this; a change must be deliberate', () => {
    expect(wireOf('ecdsa-secp256k1')).toMatchInlineSnapshot(`"969fbd694fe74c205eecde6c1181fb5964dc50b87d1f89e4157781c607da6789"`)
    expect(wireOf('ecdsa-p256')).toMatchInlineSnapshot(`"43ab46daebb3467ad53407e99dfaf2a87e1e1ded576f9349bc205a6111dedc72"`)
    expect(wireOf('eddsa-ed25519')).toMatchInlineSnapshot(`"d7bf840f983169d6e7f9395df3152c1cade0016396eb2242ab2e2bd592c1fb77"`)
  })
})

describe('certificates of key generation', () => {
  it('hold for the pinned roster only', () => {
    const run = keygen()
    expect(verifyCertificate(certificateOf(run), run.world.roster, run.world.curves)).toBe(true)
    expect(verifyCertificate(certificateOf(run), worldOf(5).roster, run.world.curves)).toBe(false)
  })
})

describe('refused before any message: SETUP_REFUSED', () => {
  const world = worldOf(3)
  const start = (change: (env: Env, params: DkgParams) => readonly [Env, DkgParams]): void => {
    const setup = setupOf(world, { protocol: 'dkg', suite: 'ecdsa-secp256k1', threshold: 2 })
    const scriptFor = (env: Env) => dkg(...change(env, paramsFor(world, env.self, 'ecdsa-secp256k1')))
    const session = openSession({ world, setup, seed: 'refused', scriptFor }, sessionId(setup), 1)
    expect(() => session.start()).toThrow(expect.objectContaining({ name: 'SetupError', code: 'SETUP_REFUSED' }))
    expect(session.ended).toBe(true)
  }

  it.each([
    ['K-01: id 0', [0, 1, 2]],
    ['K-01: an id that is no u16', [1, 2, 65537]],
    ['K-02: repeated ids', [1, 2, 2]],
    ['K-03: own id missing', [2, 3]],
    ['K-03: unsorted', [2, 1, 3]],
    ['K-03, K-16: an unknown signer', [1, 2, 4]],
    ['K-16, decisions.md 3: fewer than the whole roster', [1, 2]],
    ['K-18: n = 1', [1]],
  ])('K-01, K-02, K-03, K-16, K-18, 14.2 x_i: parties %s', (_, parties) => {
    start((env, params) => [{ ...env, parties }, params])
  })

  it.each([0, 1, 4, 2.5])('K-18: threshold %s of 3', (threshold) => {
    start((env, params) => [{ ...env, threshold }, params])
  })

  it('self outside the list, unknown scheme, request hash of another length', () => {
    start((env, params) => [{ ...env, self: 4 }, params])
    for (const scheme of ['none', 'ecdsa-p384', 'toString'])
      start((env, params) => [env, { ...params, scheme: scheme as Scheme }])
    start((env, params) => [env, { ...params, requestHash: new Uint8Array(31) }])
  })
})
