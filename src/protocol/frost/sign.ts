import type { Group } from '../curve/group.ts'
import { concat, equalBytes, type Rng, u16, u32, wipe } from '../engine/bytes.ts'
import { bytes, message } from '../engine/codec.ts'
import { Fault, SetupError } from '../engine/fault.ts'
import type { PartyId } from '../engine/party.ts'
import { broadcastOf, type Env, peersOf } from '../engine/round.ts'
import { TAGS } from '../engine/tags.ts'
import { TH } from '../engine/transcript.ts'
import { lagrangeCoefficients } from '../sharing/polynomial.ts'
import {
  type AcceptedItem,
  bitmap,
  instanceOf,
  MAX_BATCH,
  type OpeningFormat,
  openingFormat,
  type PublicItem,
  presentItems,
  type SignerItem,
  type SigningScript,
} from '../signing/batch.ts'
import { type Commitment, commitmentOf, context, drawNonces, type Nonces, signShare } from './signature-share.ts'
import type { FrostSuite } from './suite.ts'

const SCALAR = 32

/**
 * One signer's commitments: canonical points of the prime-order group, none the identity (P-04). D = E comes from no honest
 * signer and is refused (F-05); like any malformed commitment it costs the session its nonces.
 */
export const openingOf = (group: Group): OpeningFormat<Commitment> =>
  openingFormat(
    2 * group.pointLength,
    (bytes) => {
      const commitment = { hiding: bytes.slice(0, group.pointLength), binding: bytes.slice(group.pointLength) }
      if (!group.isPoint(commitment.hiding) || !group.isPoint(commitment.binding)) throw new RangeError('not a point')
      if (equalBytes(commitment.hiding, commitment.binding)) throw new RangeError('one point twice')
      return commitment
    },
    'FROST_MALFORMED',
  )

export const ANSWER = message({ view: bytes(32), shares: bytes({ max: MAX_BATCH * SCALAR }) }, MAX_BATCH * SCALAR + 64)

export interface FrostParams {
  readonly suite: FrostSuite
  readonly suiteNumber: number
  readonly items: readonly SignerItem[]
}

/**
 * FROST (RFC 9591 section 5), batched over keys and messages, two rounds. Nonces live in this frame only, are never serialised
 * and are wiped with their first use (decisions.md 22). The share travels with a digest of all commitments: without it a
 * signer that showed different commitments to others would get honest signers blamed (style.md E20).
 */
export function* sign(env: Env, params: FrostParams): SigningScript {
  const { self, parties, threshold, sessionId, curves } = env
  const { suite, items } = params
  const group = suite.group(curves)
  if (parties.length !== threshold) throw new SetupError('SETUP_REFUSED', 'FROST runs with exactly t signers')
  if (items.length < 1 || items.length > MAX_BATCH) throw new SetupError('SETUP_REFUSED', `1..${MAX_BATCH} items`)
  const ctx = contextOf(sessionId, params.suiteNumber, items.map(instanceOf))
  const publicItems = items.map((item) => ('refusal' in item ? null : item.item))
  const openings = openingOf(group)
  const nonces: (Nonces | null)[] = []
  try {
    for (const [b, item] of items.entries()) {
      nonces.push('refusal' in item ? null : drawNonces(suite, group, item.share, hedged(env.rng, ctx, b)))
    }
    const own = nonces.map((n) => (n === null ? null : commitmentOf(group, n)))
    const opening = openings.encode(
      items,
      own.flatMap((c) => (c === null ? [] : [c.hiding, c.binding])),
    )
    const inbox = yield { name: 'frost/commit', broadcast: opening, from: peersOf(env) }

    // The list holds our own commitment from this frame and one per peer of the session; order and membership are by construction.
    const lists = new Map<PartyId, readonly (Commitment | null)[]>()
    for (const id of parties) lists.set(id, id === self ? own : openings.read(broadcastOf(inbox, id), id, items.length).points)
    const present = presentItems(lists, items.length)
    const view = viewOf(ctx, publicItems, present, parties, lists)
    const lambda = lagrangeCoefficients(group, parties)
    const shares = present.map((b) => {
      const { item, share } = items[b] as AcceptedItem
      const commitments = new Map(parties.map((id) => [id, lists.get(id)?.[b] as Commitment]))
      const c = context(suite, group, item.publicKey, commitments, item.input, lambda)
      if (c === null) throw new Fault('FROST_VIEW', [], 'the group commitment is the identity')
      return signShare(group, self, nonces[b] as Nonces, share, c)
    })
    yield {
      name: 'frost/share',
      assembler: ANSWER.encode({ view, shares: concat(...shares) }),
      from: [],
      commit: { type: 'answer', present },
    }
    return { present }
  } finally {
    for (const n of nonces) if (n !== null) wipe(n.hiding, n.binding)
  }
}

/**
 * The random input of H3, bound to session and item: a stuck generator or a cloned process then still gives other nonces for
 * another session or message (attacks.md F-03). RFC 9591 asks for 32 random bytes; a hash of them with public data is that.
 */
const hedged = (rng: Rng, ctx: Uint8Array, index: number): Rng => {
  let drawn = 0
  return (length) => {
    const random = rng(length)
    const mixed = TH(TAGS.frostNonce, random, ctx, u32(index), u32(drawn++))
    wipe(random)
    return mixed
  }
}

/** What a session is about, before any commitment exists. */
export const contextOf = (sessionId: Uint8Array, suiteNumber: number, instances: readonly Uint8Array[]): Uint8Array =>
  TH(TAGS.frostContext, sessionId, u16(suiteNumber), ...instances)

/**
 * Digest of everything the shares depend on: session, instances, keys and messages as used, commitments. Compared by the assembler
 * before anybody is named, so that neither a split view nor an assembler's own mistake convicts an honest signer (style.md E20).
 */
export const viewOf = (
  ctx: Uint8Array,
  items: readonly (PublicItem | null)[],
  present: readonly number[],
  parties: readonly PartyId[],
  lists: ReadonlyMap<PartyId, readonly (Commitment | null)[]>,
): Uint8Array =>
  TH(
    TAGS.frostView,
    ctx,
    bitmap(present, items.length),
    ...present.flatMap((b) => {
      const { publicKey, input } = items[b] as PublicItem
      return [publicKey, input]
    }),
    ...parties.map((id) =>
      concat(
        u16(id),
        ...present.flatMap((b) => {
          const c = lists.get(id)?.[b] as Commitment
          return [c.hiding, c.binding]
        }),
      ),
    ),
  )
