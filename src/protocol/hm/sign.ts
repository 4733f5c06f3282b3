import type { Group } from '../curve/group.ts'
import { concat, wipe } from '../engine/bytes.ts'
import { bytes, message } from '../engine/codec.ts'
import { Fault, SetupError } from '../engine/fault.ts'
import { assertParties, type PartyId } from '../engine/party.ts'
import { broadcastOf, type Env, peersOf } from '../engine/round.ts'
import type { Generation } from '../prss/generation.ts'
import {
  type AcceptedItem,
  instanceOf,
  MAX_BATCH,
  type OpeningFormat,
  openingFormat,
  presentItems,
  type SignerItem,
  type SigningScript,
} from '../signing/batch.ts'
import { digestScalar, ecdsaCurve } from '../signing/ecdsa.ts'
import { setConstants } from './constants.ts'
import { bindOf, contextOf } from './context.ts'
import { noncePoint, onDegree } from './nonce-point.ts'
import { maskShares, nonceShares } from './pseudo-random.ts'

const POINT = 33
const SCALAR = 32

/** C1: exact lengths, canonical points, no identity. */
export const openingOf = (group: Group): OpeningFormat<Uint8Array> =>
  openingFormat(
    POINT,
    (point) => {
      if (!group.isPoint(point)) throw new RangeError('not a point')
      return point
    },
    'HM_R_MALFORMED',
  )

export const ANSWER = message({ bind: bytes(32), shares: bytes({ max: MAX_BATCH * 2 * SCALAR }) }, MAX_BATCH * 2 * SCALAR + 64)

export interface HmParams {
  readonly suite: number
  readonly generation: Generation
  /** One unused ticket of every signer in signer order; the host has checked and spent this signer's own. */
  readonly tickets: readonly Uint8Array[]
  readonly items: readonly SignerItem[]
}

/**
 * H2 (honest-majority-ecdsa.md 1.4): two rounds, honest majority, batched over keys and messages. Nonce shares and masks are functions
 * of (PRSS keys, ctx, R list), but round 2 exists only in this generator's frame after its own round 1 (decisions.md 16).
 * The host has checked that every key's threshold is the session's: with a smaller t' the answers would expose shares (M1).
 * @throws SetupError HM_PARAM when t' != t - 1, |S| != 2t - 1, the generation belongs to another set, or an item is not what its
 * instance says; before any PRF call.
 */
export function* sign(env: Env, params: HmParams): SigningScript {
  const { self, parties, threshold, sessionId, curves } = env
  const { suite, generation, tickets, items } = params
  const { group } = ecdsaCurve(suite, curves) ?? refuse('hm signs ECDSA only')
  assertParams(env, params)
  const digests = items.map((item) => ('refusal' in item ? null : digestScalar(group, item, 'HM_PARAM')))
  const constants = setConstants(group, parties)
  const ctx = contextOf({
    sessionId,
    suite,
    threshold,
    signers: parties,
    kids: generation.kids,
    tickets,
    instances: items.map(instanceOf),
  })
  const count = items.length
  const openings = openingOf(group)
  const secrets: Uint8Array[] = []
  try {
    // Round 1: R_i = k_i G, or the reason for refusing the item.
    const nonces = nonceShares(group, generation, self, suite, count, ctx)
    secrets.push(...nonces.flat())
    const own = items.map((item, b) =>
      'refusal' in item ? null : group.baseMul((nonces[b] as readonly [Uint8Array, Uint8Array])[0]),
    )
    const opening = openings.encode(
      items,
      own.filter((p) => p !== null),
    )
    const inbox = yield { name: 'hm/points', broadcast: opening, from: peersOf(env) }

    // C1. C2: entry i is our own R_i by construction; a relay's other copy of it ends the session in the channel. It is read like the
    // others, being public now: back ends remember points that they have read.
    const points = new Map<PartyId, readonly (Uint8Array | null)[]>()
    for (const id of parties) points.set(id, openings.read(id === self ? opening : broadcastOf(inbox, id), id, count).points)
    const present = presentItems(points, count)
    const nonce = new Map<number, Uint8Array>()
    for (const b of present) {
      const list = new Map(parties.map((j) => [j, points.get(j)?.[b] as Uint8Array]))
      if (!onDegree(group, constants, list)) throw new Fault('HM_R_DEGREE') // C3
      const found = noncePoint(group, constants, list) // C4
      if (found === null) throw new Fault('HM_R_ZERO')
      nonce.set(b, found.r)
    }

    // Round 2: mu_i = lambda_i k_i a_i + m^mu, nu_i = lambda_i a_i (z + r (x_i + e)) + m^nu, masks bound to ctx and the R list.
    const bind = bindOf(ctx, count, present, parties, points)
    const masks = maskShares(group, generation, self, suite, count, ctx, bind)
    secrets.push(...masks.flat())
    const lambda = constants.lambda.get(self) as Uint8Array
    const shares = present.map((b) => {
      const [k, a] = nonces[b] as readonly [Uint8Array, Uint8Array]
      const [maskMu, maskNu] = masks[b] as readonly [Uint8Array, Uint8Array]
      const item = items[b] as AcceptedItem
      group.mulAssign(a, lambda)
      const nu = Uint8Array.from(item.share)
      secrets.push(nu) // the bare share until the mask is on
      group.mulAssign(nu, nonce.get(b) as Uint8Array)
      group.addAssign(nu, digests[b] as Uint8Array)
      group.mulAssign(nu, a)
      group.addAssign(nu, maskNu)
      const mu = group.addAssign(group.mulAssign(k, a), maskMu)
      return concat(mu, nu)
    })
    yield {
      name: 'hm/answer',
      assembler: ANSWER.encode({ bind, shares: concat(...shares) }),
      from: [],
      commit: { type: 'answer', present },
    }
    return { present }
  } finally {
    wipe(...secrets)
  }
}

const refuse = (why: string): never => {
  throw new SetupError('HM_PARAM', why)
}

function assertParams({ self, parties, threshold }: Env, { generation, tickets, items }: HmParams): void {
  try {
    assertParties(parties)
  } catch {
    refuse('bad signer list')
  }
  if (threshold < 2 || parties.length !== 2 * threshold - 1) refuse('hm needs exactly 2t-1 signers')
  if (!parties.includes(self)) refuse('this signer is not in the list')
  if (generation.threshold !== threshold || generation.signers.join() !== parties.join()) refuse('generation of another set')
  if (tickets.length !== parties.length || tickets.some((t) => t.length !== 16)) refuse('one ticket per signer')
  if (items.length < 1 || items.length > MAX_BATCH) refuse(`1..${MAX_BATCH} items`)
}
