import type { Group } from '../curve/group.ts'
import { equalBytes } from '../engine/bytes.ts'
import { blame, Fault } from '../engine/fault.ts'
import type { PartyId } from '../engine/party.ts'
import { lagrangeCoefficients } from '../sharing/polynomial.ts'
import { type Assembly, bodyOf, type Outcome, type PublicItem, presentItems, refusedBy } from '../signing/batch.ts'
import { ANSWER, contextOf, openingOf, viewOf } from './sign.ts'
import { type Commitment, type Context, context, encodeSignature, verifyShare } from './signature-share.ts'
import type { FrostSuite } from './suite.ts'

const SCALAR = 32

export interface FrostAssembly extends Assembly {
  readonly suite: FrostSuite
  readonly suiteNumber: number
  /** X_j of every signer, per item, from the key's certificate and never from messages (attacks.md F-08). */
  readonly verifyingShares: readonly ReadonlyMap<PartyId, Uint8Array>[]
}

/**
 * aggregate of RFC 9591 5.3 for a batch. A signature leaves only when it verified; otherwise every share of the item is checked and
 * the senders of wrong ones are named: their commitments were signed and all views compared.
 * @throws Fault FROST_VIEW when the shares are about different lists, FROST_MALFORMED, FROST_SHARE naming the sender.
 */
export function assemble(a: FrostAssembly): readonly Outcome[] {
  const group = a.suite.group(a.curves)
  const count = a.items.length
  const format = openingOf(group)
  const openings = new Map(a.signers.map((id) => [id, format.read(bodyOf(a.openings, id), id, count)]))
  const lists = new Map([...openings].map(([id, opening]) => [id, opening.points]))
  const present = presentItems(lists, count)
  const ctx = contextOf(
    a.sessionId,
    a.suiteNumber,
    a.items.map((i) => i.instance),
  )
  const view = viewOf(ctx, a.items, present, a.signers, lists)
  const answers = new Map(a.signers.map((id) => [id, readAnswer(bodyOf(a.answers, id), id, view, present.length)]))
  const lambda = lagrangeCoefficients(group, a.signers)

  return a.items.map((item, b) => {
    const at = present.indexOf(b)
    if (at < 0) return refusedBy(openings, b)
    const commitments = new Map(a.signers.map((id) => [id, lists.get(id)?.[b] as Commitment]))
    const c = context(a.suite, group, item.publicKey, commitments, item.input, lambda)
    if (c === null) return { type: 'failed', code: 'FROST_VIEW', culprits: [] }
    const shares = new Map(a.signers.map((id) => [id, (answers.get(id) as Uint8Array).subarray(at * SCALAR, (at + 1) * SCALAR)]))
    return finish(a, group, item, b, commitments, shares, c)
  })
}

function finish(
  a: FrostAssembly,
  group: Group,
  item: PublicItem,
  index: number,
  commitments: ReadonlyMap<PartyId, Commitment>,
  shares: ReadonlyMap<PartyId, Uint8Array>,
  c: Context,
): Outcome {
  const unreduced = a.signers.filter((id) => !group.isScalar(shares.get(id) as Uint8Array))
  if (unreduced.length > 0) return { type: 'failed', code: 'FROST_SHARE', culprits: unreduced }
  const z = new Uint8Array(SCALAR)
  for (const share of shares.values()) group.addAssign(z, share)
  const signature = encodeSignature(a.suite, c.R, z)
  if (a.suite.verify(a.curves, signature, item.input, item.publicKey)) return { type: 'signed', signature }
  const verifyingShares = new Map(a.signers.map((id) => [id, a.verifyingShares[index]?.get(id) as Uint8Array]))
  const culprits = a.signers.filter((id) => {
    const commitment = commitments.get(id) as Commitment
    return !verifyShare(group, id, shares.get(id) as Uint8Array, commitment, verifyingShares.get(id) as Uint8Array, c)
  })
  // A record that contradicts itself proves nothing about anybody (F-07: right shares, wrong input of the assembler).
  return culprits.length > 0 && isSharingOf(group, verifyingShares, item.publicKey)
    ? { type: 'failed', code: 'FROST_SHARE', culprits }
    : { type: 'failed', code: 'FROST_SIG_INVALID', culprits: [] }
}

/** The verifying shares interpolate to the key. */
function isSharingOf(group: Group, verifyingShares: ReadonlyMap<PartyId, Uint8Array>, publicKey: Uint8Array): boolean {
  const terms = [...lagrangeCoefficients(group, [...verifyingShares.keys()])].map(([id, coefficient]) =>
    group.mulPublic(verifyingShares.get(id) as Uint8Array, coefficient),
  )
  const sum = group.sum(terms.filter((term) => term !== null))
  return sum !== null && equalBytes(sum, publicKey)
}

/** What the bytes alone show is the sender's fault at once; what depends on the list is judged after the lists agree (style.md E20). */
function readAnswer(body: Uint8Array, from: PartyId, view: Uint8Array, present: number): Uint8Array {
  const answer = blame(from, 'FROST_MALFORMED', () => ANSWER.decode(body))
  if (!equalBytes(answer.view, view)) throw new Fault('FROST_VIEW')
  if (answer.shares.length !== present * SCALAR) throw new Fault('FROST_MALFORMED', [from])
  return answer.shares
}
