import type { Group } from '../curve/group.ts'
import { concat, wipe } from '../engine/bytes.ts'
import { bytes, message } from '../engine/codec.ts'
import { Fault, SetupError } from '../engine/fault.ts'
import type { PartyId } from '../engine/party.ts'
import { broadcastOf, type Env, peersOf } from '../engine/round.ts'
import type { Generation } from '../prss/generation.ts'
import {
  instanceOf, MAX_BATCH, openingCodec, presentItems, readOpening, type SignerItem, type SigningScript, statusOf,
} from '../signing/batch.ts'
import { bindOf, contextOf } from './context.ts'
import { setConstants } from './constants.ts'
import { noncePoint, onDegree } from './nonce-point.ts'
import { maskShares, nonceShares } from './pseudo-random.ts'

export const POINT = 33
const SCALAR = 32

export const OPENING = openingCodec(POINT)
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
 * @throws SetupError HM_PARAM when t' != t - 1, |S| != 2t - 1 or the generation belongs to another set; before any PRF call.
 */
export function* sign(env: Env, params: HmParams): SigningScript {
  const { self, parties, threshold, sessionId, curves } = env
  const { suite, generation, tickets, items } = params
  const group = curves.secp256k1
  assertParams(env, params)
  const constants = setConstants(group, parties)
  const ctx = contextOf({ sessionId, suite, threshold, signers: parties, kids: generation.kids, tickets, instances: items.map(instanceOf) })
  const count = items.length
  const secrets: Uint8Array[] = []
  try {
    // Round 1: R_i = k_i G, or the reason for refusing the item.
    const nonces = nonceShares(group, generation, self, suite, count, ctx)
    secrets.push(...nonces.flat())
    const own = items.map((item, b) => ('refusal' in item ? null : group.baseMul((nonces[b] as readonly [Uint8Array, Uint8Array])[0])))
    const opening = OPENING.encode({ status: statusOf(items), points: concat(...own.filter((p) => p !== null)) })
    const inbox = yield { name: 'hm/points', broadcast: opening, from: peersOf(env) }

    // C1: exact lengths, canonical points. C2: entry i is our own R_i by construction; the relay's copy is never read.
    const points = new Map<PartyId, readonly (Uint8Array | null)[]>([[self, own]])
    for (const from of peersOf(env)) points.set(from, readPoints(group, broadcastOf(inbox, from), from, count))
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
      const item = items[b] as Extract<SignerItem, { share: Uint8Array }>
      group.mulAssign(a, lambda)
      const nu = Uint8Array.from(item.share)
      group.mulAssign(nu, nonce.get(b) as Uint8Array)
      group.addAssign(nu, digestScalar(group, item.item.input))
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

function assertParams(env: Env, { generation, tickets, items }: HmParams): void {
  const refuse = (why: string): never => {
    throw new SetupError('HM_PARAM', why)
  }
  const { parties, threshold } = env
  if (parties.length !== 2 * threshold - 1) refuse('hm needs exactly 2t-1 signers')
  if (generation.threshold !== threshold || generation.signers.join() !== parties.join()) refuse('generation of another set')
  if (tickets.length !== parties.length || tickets.some((t) => t.length !== 16)) refuse('one ticket per signer')
  if (items.length < 1 || items.length > MAX_BATCH) refuse(`1..${MAX_BATCH} items`)
}

/** C1 for one signer's list: canonical points, no identity. */
export function readPoints(group: Group, body: Uint8Array, from: PartyId, count: number): readonly (Uint8Array | null)[] {
  const { points } = readOpening(OPENING, body, from, count, POINT, 'HM_R_MALFORMED')
  if (points.some((p) => p !== null && !group.isPoint(p))) throw new Fault('HM_R_MALFORMED', [from], 'not a point')
  return points
}

/** z = digest mod q (protocols.md 6.7). @throws RangeError for 0 mod q, which anybody can sign (decisions.md 12). */
export function digestScalar(group: Group, digest: Uint8Array): Uint8Array {
  if (digest.length !== SCALAR) throw new RangeError('an ECDSA digest has 32 bytes')
  let z = Uint8Array.from(digest)
  if (!group.isScalar(z)) {
    let value = 0n
    for (const byte of digest) value = (value << 8n) | BigInt(byte)
    z = Uint8Array.from(group.scalar(value))
  }
  if (group.isZero(z)) throw new RangeError('the digest is 0 mod q')
  return z
}
