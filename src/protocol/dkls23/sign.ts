import type { EcdsaGroup } from '../curve/group.ts'
import { concat, equalBytes, wipe } from '../engine/bytes.ts'
import { Fault, SetupError } from '../engine/fault.ts'
import { assertParties, type PartyId } from '../engine/party.ts'
import { broadcastOf, directOf, type Env, peersOf } from '../engine/round.ts'
import { lagrangeCoefficients } from '../sharing/polynomial.ts'
import { type AcceptedItem, instanceOf, presentItems, type SignerItem, type SigningScript, statusOf } from '../signing/batch.ts'
import { digestScalar, ecdsaCurve, type NoncePoint } from '../signing/ecdsa.ts'
import { ofAllPeers } from './all-peers.ts'
import { commitmentOf, contextOf } from './context.ts'
import { ANSWER, MULTIPLY, OPENING, readMultiplied, readOpening } from './messages.ts'
import { drawNonce, type Nonce } from './nonce.ts'
import type { PairSecret } from './pair-record.ts'
import { maxBatch } from './parameters.ts'
import { checkedShares, multiply } from './products.ts'
import { assertKeySum, nonceSum } from './public-checks.ts'
import { RvoleReceiver, RvoleSender } from './rvole.ts'
import { type Counterpart, type Keep, partOf, signatureShare } from './signature-share.ts'

export interface DklsParams {
  readonly suite: number
  /** The set-up with every peer of the session, which the host has compared with what the session's purpose says of it. */
  readonly pairs: ReadonlyMap<PartyId, PairSecret>
  readonly items: readonly SignerItem[]
}

/**
 * DKLs23 (eprint 2023/765; protocols.md 6) with exactly t signers, interactive mode: the digest is in ctx before the first nonce exists,
 * nothing outlives the session. Batched over keys and messages. A fault with the verdict `ban` means that the host never again uses
 * its set-up with the culprit: whether such a check passes tells the peer bits of a secret that outlives the session.
 * @throws SetupError DKLS_PARAM when |S| != t, the batch is too large, a set-up is missing, or an item is not what its instance says.
 */
export function* sign(env: Env, params: DklsParams): SigningScript {
  const { self, parties, threshold, sessionId, curves, rng } = env
  const { suite, pairs, items } = params
  assertParams(env, params)
  const { group } = ecdsaCurve(suite, curves) ?? refuse('DKLs23 signs ECDSA only')
  const peers = peersOf(env)
  const digests = items.map((item) => ('refusal' in item ? null : digestScalar(group, item, 'DKLS_PARAM')))
  const count = items.length
  const ctx = contextOf({ sessionId, suite, threshold, signers: parties, instances: items.map(instanceOf) })
  const rvole = { group, suite, ctx, count }
  const lambda = lagrangeCoefficients(group, parties)
  const lambdaOf = (id: PartyId): Uint8Array => lambda.get(id) as Uint8Array
  const many = threshold > 2
  const secrets: Uint8Array[] = []
  const keep: Keep = (made) => void secrets.push(...made)
  const multiplications: { readonly wipe: () => void }[] = []
  try {
    // Round 1 (6.2): commit to R_i; as Bob, extend OTs with every peer, for all instances.
    const nonces = items.map((item, b) => ('refusal' in item ? null : drawNonce(group, rng, ctx, b)))
    const own = nonces.filter((nonce) => nonce !== null)
    keep(own.flatMap(({ r, phi }) => [r, phi]))
    const points = own.map(({ point }) => point)
    const salt = rng(32)
    const extended = peers.map((peer) => {
      const pair = pairs.get(peer) as PairSecret
      const receiver = new RvoleReceiver({ ...rvole, sender: peer, receiver: self }, pair.receiver, rng)
      multiplications.push(receiver)
      return { peer, pair, receiver }
    })
    const first = yield {
      name: 'dkls23/extend',
      broadcast: OPENING.encode({ status: statusOf(items), commitment: commitmentOf(ctx, self, salt, points) }),
      direct: new Map(extended.map(({ peer, receiver }) => [peer, receiver.message])),
      from: peers,
    }
    const opened = ofAllPeers(extended, (p) => ({ ...p, opening: readOpening(broadcastOf(first, p.peer), p.peer, count) }))
    const joined = ofAllPeers(opened, (p) => {
      const roles = { sender: self, receiver: p.peer }
      const sender = RvoleSender.accept({ ...rvole, ...roles }, p.pair.sender, directOf(first, p.peer))
      multiplications.push(sender)
      return { ...p, sender }
    })

    // Round 2 (6.3): as Alice, multiply r_i and sk_i with every peer's random inputs.
    const ours = nonces.map((nonce) => (nonce === null ? null : true))
    const present = presentItems(new Map([[self, ours], ...joined.map((p) => [p.peer, p.opening.points] as const)]), count)
    const chosen = present.map((b) => items[b] as AcceptedItem)
    const zeroPairs = (many ? joined : []).map(
      (p) => [p.peer, { zseed: p.pair.zseed, own: p.receiver.nonce, theirs: p.sender.peerNonce }] as const,
    )
    const standing = { ctx, self, lambda: lambdaOf(self), zeroPairs: new Map(zeroPairs) }
    const parts = chosen.map((item, k) => {
      const b = present[k] as number
      return partOf(group, standing, item, nonces[b] as Nonce, b, keep)
    })
    const multiplied = joined.map((p) => ({ ...p, ...multiply(group, p, present, parts, rng, keep) }))
    const keyPoints = many ? parts.map(({ keyPoint }) => keyPoint) : []
    const opening = { salt, points: concat(...points), keys: concat(...keyPoints) }
    const second = yield {
      name: 'dkls23/multiply',
      direct: new Map(multiplied.map(({ peer, fields }) => [peer, MULTIPLY.encode({ ...opening, ...fields })])),
      from: peers,
    }

    // Checks (6.4), each for all peers before anything is done. S9: the channel has compared the views of round 1.
    const received = ofAllPeers(multiplied, (p) => {
      const accepted = p.opening.points.flatMap((accepts, b) => (accepts === null ? [] : [b]))
      const lengths = { accepted: accepted.length, present: present.length, keys: keyPoints.length }
      const body = directOf(second, p.peer)
      keep([body])
      const theirs = readMultiplied(group, body, p.peer, lengths) // S1
      keep(theirs.psi)
      return { ...p, theirs, nonces: present.map((b) => theirs.points[accepted.indexOf(b)] as Uint8Array) }
    })
    ofAllPeers(received, ({ peer, opening: { commitment }, theirs }) => {
      const expected = commitmentOf(ctx, peer, theirs.salt, theirs.points)
      if (!equalBytes(expected, commitment)) throw new Fault('SIGN_COMMIT', [peer]) // S2
    })
    const checked = ofAllPeers(received, (p) => {
      const keys = many ? p.theirs.keys : certifiedKeys(group, chosen, p.peer, lambdaOf(p.peer))
      const shares = checkedShares(group, p.peer, p.receiver, present, p.theirs, p.nonces, keys, keep) // S3, S4, S5
      return { ...p, keys, received: shares }
    })
    const at = (list: readonly Uint8Array[], k: number): Uint8Array => list[k] as Uint8Array
    const totals = parts.map(({ point, keyPoint }, k) => {
      const { publicKey } = (chosen[k] as AcceptedItem).item
      assertKeySum(group, [keyPoint, ...checked.map(({ keys }) => at(keys, k))], publicKey) // S7
      return nonceSum(group, [point, ...checked.map((p) => at(p.nonces, k))]) // S8
    })

    // Round 3 (6.5, 6.10).
    const answers = parts.flatMap((part, k) => {
      const counterparts = checked.map(
        (p): Counterpart => ({
          psi: at(p.theirs.psi, k),
          u: [at(p.shares.u, k), at(p.received.u, k)],
          v: [at(p.shares.v, k), at(p.received.v, k)],
        }),
      )
      const z = digests[present[k] as number] as Uint8Array
      return signatureShare(group, part, { z, r: (totals[k] as NoncePoint).r }, counterparts, keep)
    })
    yield {
      name: 'dkls23/answer',
      assembler: ANSWER.encode({ points: concat(...totals.map(({ point }) => point)), shares: concat(...answers) }),
      from: [],
      commit: { type: 'answer', present },
    }
    return { present }
  } finally {
    wipe(...secrets)
    for (const multiplication of multiplications) multiplication.wipe()
  }
}

/** pk_j of a peer as its certificate has it, lambda_j X_j: S6, by construction. One multiplication for each key of the batch. */
function certifiedKeys(
  group: EcdsaGroup,
  items: readonly AcceptedItem[],
  peer: PartyId,
  lambda: Uint8Array,
): readonly Uint8Array[] {
  const known = new Map<AcceptedItem['verifyingShares'], Uint8Array>()
  return items.map(({ verifyingShares }) => {
    const before = known.get(verifyingShares)
    if (before !== undefined) return before
    const key = group.mulPublic(verifyingShares.get(peer) as Uint8Array, lambda) as Uint8Array
    known.set(verifyingShares, key)
    return key
  })
}

const refuse = (why: string): never => {
  throw new SetupError('DKLS_PARAM', why)
}

function assertParams({ self, parties, threshold }: Env, { pairs, items }: DklsParams): void {
  try {
    assertParties(parties)
  } catch {
    refuse('bad signer list')
  }
  if (threshold < 2 || parties.length !== threshold) refuse('DKLs23 needs exactly t signers')
  if (!parties.includes(self)) refuse('this signer is not in the list')
  if (items.length < 1 || items.length > maxBatch(threshold)) refuse(`1..${maxBatch(threshold)} items`)
  const others = parties.filter((id) => id !== self)
  if (others.some((id) => !pairs.has(id))) refuse('a set-up is missing')
  if (items.some((item) => 'share' in item && others.some((id) => !item.verifyingShares.has(id)))) {
    refuse('a signer holds no share of a key')
  }
}
