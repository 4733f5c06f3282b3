import { chacha20 } from '@noble/ciphers/chacha.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import type { Group } from '../curve/group.ts'
import { idList, u16, wipe } from '../engine/bytes.ts'
import { Fault } from '../engine/fault.ts'
import type { PartyId } from '../engine/party.ts'
import { TAGS, type Tag } from '../engine/tags.ts'
import { TH } from '../engine/transcript.ts'
import type { Generation, SharedKey } from '../prss/generation.ts'

const NONCE = new Uint8Array(12)
const SCALAR = 32
const WIDE = 48

/** Per instance two scalars; instance b at blocks 2b and 2b+1 (decisions.md 18). */
export type Pairs = readonly (readonly [Uint8Array, Uint8Array])[]

/**
 * PS of honest-majority-ecdsa.md 1.2: ChaCha20 keyed with HMAC(K, TH(label, suite, ctx, members[, bind])), cut into blocks.
 * secp256k1: a block is a 32-byte scalar; one that is not below q is an error (probability 2^-127) and not reduced, so the bytes are
 * uniform and go into constant-time calls as they are. P-256, whose order leaves out 2^-32 of all 32-byte strings: a block has
 * 48 bytes and is reduced mod q. A scalar of zero is an error on both.
 */
export function stream(
  group: Group,
  key: SharedKey,
  tag: Tag,
  suite: number,
  count: number,
  ctx: Uint8Array,
  bind?: Uint8Array,
): Pairs {
  // A generation can end (rotation, shutdown) while a session waits for its round 2. Masks under a wiped key would be public.
  if (group.isZero(key.prf)) throw new Fault('HM_KID', [], 'the PRSS generation has ended')
  const parts = [u16(suite), ctx, idList(key.members), ...(bind === undefined ? [] : [bind])]
  const sk = hmac(sha256, key.prf, TH(tag, ...parts))
  const reduced = group.name === 'p256'
  const block = reduced ? WIDE : SCALAR
  const bytes = chacha20(sk, NONCE, new Uint8Array(2 * block * count))
  wipe(sk)
  const scalars = Array.from({ length: 2 * count }, (_, n) => {
    const one = bytes.subarray(block * n, block * (n + 1))
    return reduced ? group.reduceWide(one) : one
  })
  if (reduced) wipe(bytes)
  if (scalars.some((scalar) => !group.isScalar(scalar) || group.isZero(scalar))) {
    wipe(bytes, ...scalars)
    throw new Fault('HM_R_ZERO', [], 'pseudo-random block out of range')
  }
  return Array.from({ length: count }, (_, b) => [scalars[2 * b] as Uint8Array, scalars[2 * b + 1] as Uint8Array] as const)
}

/** f_A(i) = prod over j in S \ A of (j - i): a small public integer. */
const subsetFactor = (signers: readonly PartyId[], members: readonly PartyId[], self: PartyId): number =>
  signers.reduce((f, j) => (members.includes(j) ? f : f * (j - self)), 1)

/** This signer's shares k_i and a_i of two random degree-t' polynomials, per instance; the caller wipes them. */
export function nonceShares(group: Group, g: Generation, self: PartyId, suite: number, count: number, ctx: Uint8Array): Pairs {
  return accumulate(
    count,
    g.subsets.length,
    (n) => {
      const key = g.subsets[n] as SharedKey
      const factor = group.scalar(subsetFactor(g.signers, key.members, self))
      const pairs = stream(group, key, TAGS.hmRandom, suite, count, ctx)
      for (const scalar of pairs.flat()) group.mulAssign(scalar, factor)
      return pairs
    },
    group,
  )
}

/** This signer's shares of two additive zero sharings per instance: sum over j of sgn(i, j) z_ij, +1 if i < j; the caller wipes them. */
export function maskShares(
  group: Group,
  g: Generation,
  self: PartyId,
  suite: number,
  count: number,
  ctx: Uint8Array,
  bind: Uint8Array,
): Pairs {
  const peers = [...g.pairs]
  return accumulate(
    count,
    peers.length,
    (n) => {
      const [peer, key] = peers[n] as [PartyId, SharedKey]
      const pairs = stream(group, key, TAGS.hmMask, suite, count, ctx, bind)
      if (self > peer) for (const scalar of pairs.flat()) group.negAssign(scalar)
      return pairs
    },
    group,
  )
}

function accumulate(count: number, terms: number, term: (n: number) => Pairs, group: Group): Pairs {
  const sum = Array.from({ length: count }, () => [new Uint8Array(SCALAR), new Uint8Array(SCALAR)] as const)
  try {
    for (let n = 0; n < terms; n++) {
      const pairs = term(n)
      pairs.forEach((pair, b) => {
        for (const k of [0, 1] as const) group.addAssign((sum[b] as readonly [Uint8Array, Uint8Array])[k], pair[k])
      })
      wipe(...pairs.flat())
    }
    return sum
  } catch (error) {
    wipe(...sum.flat())
    throw error
  }
}
