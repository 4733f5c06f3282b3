import { ed25519_FROST } from '@noble/curves/ed25519.js'
import { schnorr_FROST } from '@noble/curves/secp256k1.js'
import { describe, expect, it } from 'vitest'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import {
  type Commitment,
  commitmentOf,
  context,
  drawNonces,
  encodeSignature,
  type Nonces,
  signShare,
  verifyShare,
} from '../../../src/protocol/frost/signature-share.ts'
import { pick, seededRng } from '../../simulator/seeded-rng.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { subsets } from '../sharing/secret-of.ts'
import { dealKey } from '../signing/dealt-key.ts'
import { FROST_SCHEMES, suiteOf } from './frost-run.ts'

/** noble's implementation of RFC 9591 and of FROST-secp256k1-SHA256-TR-v1. Ours must be the same function. */
const ORACLES = { 'eddsa-ed25519': ed25519_FROST, 'schnorr-secp256k1': schnorr_FROST } as const

describe.each(FROST_SCHEMES)('%s against noble', (scheme) => {
  const suite = suiteOf(scheme)
  const oracle = ORACLES[scheme]
  const group = suite.group(nativeCurves)
  const rng = seededRng(`oracle ${scheme}`)
  const hexId = (id: PartyId): string => oracle.Identifier.fromNumber(id)

  function session(n: number, threshold: number, ids: readonly PartyId[], seed: string) {
    const key = dealKey({ curves: nativeCurves, scheme, ids: Array.from({ length: n }, (_, i) => i + 1), threshold, seed })
    const message = rng(scheme === 'eddsa-ed25519' ? pick(rng, 100) : 32)
    const nonces = new Map<PartyId, Nonces>(
      ids.map((id) => [id, drawNonces(suite, group, key.shares.get(id) as Uint8Array, rng)]),
    )
    const commitments = new Map<PartyId, Commitment>([...nonces].map(([id, n]) => [id, commitmentOf(group, n)]))
    const c = context(suite, group, key.publicKey, commitments, message)
    if (c === null) throw new Error('the group commitment is the identity')
    const pub = {
      signers: { min: threshold, max: n },
      // noble reads the first commitment as the group key; the rest is for its own share derivation.
      commitments: Array.from({ length: threshold }, () => key.publicKey),
      verifyingShares: Object.fromEntries([...key.verifyingShares].map(([id, share]) => [hexId(id), share])),
    }
    const list = [...commitments].map(([id, commitment]) => ({ identifier: hexId(id), ...commitment }))
    const theirs = new Map(
      ids.map((id) => {
        const { hiding, binding } = nonces.get(id) as Nonces
        const copy = { hiding: Uint8Array.from(hiding), binding: Uint8Array.from(binding) }
        const secret = { identifier: hexId(id), signingShare: key.shares.get(id) as Uint8Array }
        return [id, oracle.signShare(secret, pub, copy, list, message)] as const
      }),
    )
    const ours = new Map(
      ids.map((id) => [id, signShare(group, id, nonces.get(id) as Nonces, key.shares.get(id) as Uint8Array, c)]),
    )
    return { key, message, commitments, c, pub, list, theirs, ours }
  }

  const sets = [
    ...subsets([1, 2, 3], 2).map((ids) => [3, 2, ids] as const),
    ...subsets([1, 2, 3, 4, 5], 3).map((ids) => [5, 3, ids] as const),
  ]
  it('the same nonces give the same shares and the same signature, whoever aggregates', () => {
    // Several keys per set, so that BIP-340 sees every parity of key and R.
    const parities = new Set<string>()
    for (const [n, threshold, ids] of sets) {
      for (const seed of scheme === 'schnorr-secp256k1' ? ['a', 'b'] : ['a']) {
        const s = session(n, threshold, ids, `${seed} ${ids.join()}`)
        expect(s.ours).toEqual(s.theirs)
        const z = new Uint8Array(32)
        for (const share of s.ours.values()) group.addAssign(z, share)
        const signature = encodeSignature(suite, s.c.R, z)
        const mixed = Object.fromEntries(ids.map((id, i) => [hexId(id), (i % 2 === 0 ? s.ours : s.theirs).get(id) as Uint8Array]))
        expect(oracle.aggregate(s.pub, s.list, s.message, mixed)).toEqual(signature)
        expect(suite.verify(nativeCurves, signature, s.message, s.key.publicKey)).toBe(true)
        parities.add(`${s.key.publicKey[0]} ${s.c.R[0]}`)
      }
    }
    if (scheme === 'schnorr-secp256k1') expect(parities.size).toBe(4)
  })

  it("each verifies the other's shares, and both refuse a wrong one and a share under another id", () => {
    const s = session(3, 2, [1, 3], 'verify')
    const judge = (id: PartyId, share: Uint8Array) => [
      verifyShare(group, id, share, s.commitments.get(id) as Commitment, s.key.verifyingShares.get(id) as Uint8Array, s.c),
      oracle.verifyShare(s.pub, s.list, s.message, hexId(id), share),
    ]
    for (const id of [1, 3]) {
      expect(judge(id, s.theirs.get(id) as Uint8Array)).toEqual([true, true])
      expect(judge(id, group.addAssign(Uint8Array.from(s.ours.get(id) as Uint8Array), group.scalar(1)))).toEqual([false, false])
      expect(judge(id, s.ours.get(4 - id) as Uint8Array)).toEqual([false, false])
    }
  })
})
