import { z } from 'zod'
import { toHex } from '../../protocol/engine/bytes.ts'
import type { PartyId } from '../../protocol/engine/party.ts'
import type { SignerAddress } from '../config/roster-file.ts'
import type { PairRow, PairStatus } from '../store/pair-store.ts'

/** What an operator can have done about the DKLs23 set-ups of a signer. */
export const PAIR_ORDER = z.discriminatedUnion('order', [
  z.strictObject({ order: z.literal('list') }),
  z.strictObject({ order: z.literal('renew'), peer: z.number().int() }),
  z.strictObject({ order: z.literal('lift'), peer: z.number().int() }),
])
export type PairOrder = z.infer<typeof PAIR_ORDER>

export const ORDER_RESULT = z.strictObject({ done: z.boolean(), lines: z.array(z.string().max(400)).max(64) })
export type OrderResult = z.infer<typeof ORDER_RESULT>

/** Whoever carries orders out: the host that has the store open, or the command itself when no host runs. */
export interface PairOffice {
  readonly peers: () => readonly PartyId[]
  readonly row: (peer: PartyId) => PairRow
  readonly renew: (peer: PartyId) => Promise<PairStatus>
  readonly lift: (peer: PartyId) => Promise<'lifted' | 'not-banned'>
}

const NEXT = 'The coordinator makes a new set-up as soon as both signers are up.'
const done = (...lines: readonly string[]): OrderResult => ({ done: true, lines: [...lines] })
const refused = (line: string): OrderResult => ({ done: false, lines: [line] })

const about = ({ status, setup, signatures, crashes, strikes, ban }: PairRow): string =>
  [
    status.padEnd(6),
    ...(setup === null ? [] : [`pair ${toHex(setup.pairId.subarray(0, 8))}`, `${signatures} signatures`]),
    ...(ban === null ? [] : [banOf(ban)]),
    ...(crashes === 0 ? [] : [`stopped ${crashes} times during a check`]),
    ...(strikes === 0 ? [] : [`${strikes} strikes`]),
  ].join('  ')

const banOf = (ban: NonNullable<PairRow['ban']>): string =>
  `${ban.code} in session ${toHex(ban.sessionId.subarray(0, 8))}, evidence ${toHex(ban.evidence.subarray(0, 8))}, ${new Date(ban.bannedAt).toISOString()}`

/** Every word of the result is for the operator's eyes. */
export async function carryOut(order: PairOrder, office: PairOffice, signers: readonly SignerAddress[]): Promise<OrderResult> {
  const nameOf = (peer: PartyId): string => signers.find(({ index }) => index === peer)?.name ?? `signer ${peer}`
  if (order.order === 'list') return done(...office.peers().map((peer) => `${peer}  ${nameOf(peer)}  ${about(office.row(peer))}`))
  const { peer } = order
  if (!office.peers().includes(peer)) return refused(`there is no signer ${peer} beside this one in the roster`)
  const name = nameOf(peer)
  const { ban } = office.row(peer)
  if (order.order === 'lift') {
    if ((await office.lift(peer)) === 'not-banned') return refused(`${name} is not banned`)
    return done(`The ban of ${name} is lifted${ban === null ? '' : ` (${banOf(ban)})`}.`, `There is no set-up with it. ${NEXT}`)
  }
  const status = await office.renew(peer)
  if (status === 'banned') return refused(`${name} is banned; lift the ban first`)
  if (status === 'none') return done(`There is no set-up with ${name}. ${NEXT}`)
  return done(`The set-up with ${name} is given up. ${NEXT}`)
}
