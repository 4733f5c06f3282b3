import { describe, expect, it } from 'vitest'
import type { PairSecret } from '../../../src/protocol/dkls23/pair-record.ts'
import { pairsOf } from '../../../src/protocol/dkls23/purpose.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import type { PublicPackage } from '../../../src/protocol/keygen/key-record.ts'
import type { Scheme } from '../../../src/protocol/request/document.ts'
import type { World } from '../../simulator/world.ts'
import { assembleRun as assembleDkls, type DklsCase, runDkls } from '../dkls23/dkls-run.ts'
import { runPair, secretsOf } from '../dkls23/pair-run.ts'
import { expectBatch as expectDkls } from '../dkls23/verify-signature.ts'
import { assembleRun as assembleFrost, type FrostCase, type FrostScheme, runFrost } from '../frost/frost-run.ts'
import { expectBatch as expectFrost } from '../frost/verify-signature.ts'
import { assembleRun as assembleHm, ECDSA_SCHEMES, type HmCase, runHm } from '../hm/hm-run.ts'
import { expectBatch as expectHm } from '../hm/verify-signature.ts'
import { keygen, pendingOf, worldOf } from '../keygen/keygen-fixture.ts'
import { makeGenerations } from '../prss/establish-run.ts'
import { subsets } from '../sharing/secret-of.ts'
import { bytes32, type DealtKey, itemOf } from './dealt-key.ts'

/** A key from a real key generation, in the form the signing tests use; nobody knows the key itself. */
function generate(n: number, threshold: number, scheme: Scheme): DealtKey {
  const run = keygen({ world: worldOf(n), threshold, scheme, name: `${scheme} for signing` })
  const pending = new Map([...run.ends.keys()].map((id) => [id, pendingOf(run, id)]))
  const key = pending.get(1)?.key as PublicPackage
  return {
    scheme,
    suite: 0,
    secret: new Uint8Array(0),
    publicKey: key.publicKey,
    shares: new Map([...pending].map(([id, p]) => [id, p?.secret.share as Uint8Array])),
    verifyingShares: new Map(key.parties.map((id, i) => [id, key.verificationShares[i] as Uint8Array])),
  }
}

/** A set-up of every two of these, by the protocol that makes them. */
function madePairs(world: World, ids: readonly PartyId[]): DklsCase['pairs'] {
  const pairs = new Map(ids.map((id) => [id, new Map<PartyId, PairSecret>()]))
  for (const [a, b] of pairsOf(ids)) {
    const made = secretsOf(runPair({ world, signers: [a, b], seed: `set-up of ${a} and ${b}` }))
    pairs.get(a)?.set(b, made.get(a) as PairSecret)
    pairs.get(b)?.set(a, made.get(b) as PairSecret)
  }
  return pairs
}

const sets: readonly (readonly [number, number])[] = [
  [3, 2],
  [5, 3],
]

describe.each(sets)('n = %i, t = %i: keys of the key generation sign', (n, threshold) => {
  const world = worldOf(n)
  const all = world.roster.members.map((m) => m.id)

  it.each(ECDSA_SCHEMES)('K-13 %s by H2, with all signers', (scheme) => {
    const key = generate(n, threshold, scheme)
    const signers = all.slice(0, 2 * threshold - 1)
    const generations = makeGenerations(world, threshold, signers)
    const items = ['a', 'b'].map((name) => itemOf(key, bytes32(name), name))
    const c: HmCase = { scheme, world, threshold, signers, generations, keys: [key, key], items }
    expectHm(items, assembleHm(c, runHm(c)), scheme)
  })

  it.each(['eddsa-ed25519', 'schnorr-secp256k1'] as const)('K-13 %s by FROST, with any t signers', (scheme: FrostScheme) => {
    const key = generate(n, threshold, scheme)
    for (const signers of subsets<PartyId>(all, threshold)) {
      const items = [itemOf(key, bytes32('m'), 'm')]
      const c: FrostCase = { world, scheme, threshold, signers, keys: [key], items }
      expectFrost(c, assembleFrost(c, runFrost(c)))
    }
  })

  /** For keys of either curve. */
  let pairs: DklsCase['pairs'] | undefined
  it.each(ECDSA_SCHEMES)('K-13 %s by DKLs23, with any t signers and set-ups that were really made', (scheme) => {
    const key = generate(n, threshold, scheme)
    pairs ??= madePairs(world, [1, 2, 3])
    for (const signers of subsets<PartyId>([1, 2, 3], threshold)) {
      const items = ['a', 'b'].map((name) => itemOf(key, bytes32(name), name))
      const c: DklsCase = { scheme, world, threshold, signers, pairs, keys: [key, key], items }
      expectDkls(c, assembleDkls(c, runDkls(c)))
    }
  })

  it('S-05 M1: an H2 session with a smaller threshold than the key signs nothing (the host refuses it before)', () => {
    if (threshold < 3) return expect(() => makeGenerations(world, 1, [1])).toThrow()
    const key = generate(n, threshold, 'ecdsa-secp256k1')
    const generations = makeGenerations(world, 2, [1, 2, 3])
    const c: HmCase = {
      scheme: 'ecdsa-secp256k1',
      world,
      threshold: 2,
      signers: [1, 2, 3],
      generations,
      keys: [key],
      items: [itemOf(key, bytes32('m'), 'm')],
    }
    expect(assembleHm(c, runHm(c))).toEqual([{ type: 'failed', code: 'HM_SIG_INVALID', culprits: [] }])
  })
})
