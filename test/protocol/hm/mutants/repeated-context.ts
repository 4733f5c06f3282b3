import type { PartyId } from '../../../../src/protocol/engine/party.ts'
import { div, factorLines, keyAmong, keyFromNonce, nothing, onLine } from './loot.ts'
import { lambda } from './model.ts'
import {
  type Attack,
  answerBy,
  everybody,
  insiderNonce,
  KEYS,
  nonceOf,
  APPROVED_TOO as OTHER,
  runAll,
  type Scene,
  type Target,
  totals,
  tweakOf,
  APPROVED as Z,
} from './scene.ts'
import { type Answer, Fq, type HonestSigner, mod, rOf } from './session.ts'

// What two runs of one context tell, or one run of a build that says too much. Each script ends with a key or nothing; none knows
// against which build it runs.

const { a: A } = KEYS
const X = A.dealt.publicKey

/** Two digests under one nonce. */
const twoDigests: Attack = (scene) => {
  const [first, second] = [Z, OTHER].map((z) => runAll(scene, everybody(scene.session([scene.item(A, z)]))))
  if (first === undefined || second === undefined) return nothing('')
  const [s1, s2] = [totals(first.answers).s, totals(second.answers).s]
  return keyAmong([keyFromNonce(div(Z - OTHER, s1 - s2), s1, Z, rOf(nonceOf(first.lists)))], X)
}

/** Two digests in one session; the second answer of each signer under the first one's nonce? */
const twoInstances: Attack = (scene) => {
  const { lists, answers } = runAll(scene, everybody(scene.session([scene.item(A, Z), scene.item(A, OTHER)])))
  const [s1, s2] = [totals(answers, 0).s, totals(answers, 1).s]
  return keyAmong([keyFromNonce(div(Z - OTHER, s1 - s2), s1, Z, rOf(nonceOf(lists)))], X)
}

/** Two tweaks under one nonce. */
const twoTweaks: Attack = (scene) => {
  const [e1, e2] = [tweakOf(1), tweakOf(2)]
  const [first, second] = [e1, e2].map((e) => runAll(scene, everybody(scene.session([scene.item(A, Z, e)]))))
  if (first === undefined || second === undefined) return nothing('')
  const [s1, s2] = [totals(first.answers).s, totals(second.answers).s]
  const r = rOf(nonceOf(first.lists))
  return keyAmong([keyFromNonce(div(r * (e1 - e2), s1 - s2), s1, Z, r) - e1], X)
}

/** The answers of both honest signers for two sharings under one nonce give a_i (x_i - x'_i) at two places. */
function twoSharings(scene: Scene, other: Target): { readonly candidates: readonly bigint[] } {
  const session = scene.session([scene.item(A, Z)])
  const first = runAll(scene, everybody(session))
  const second = runAll(scene, everybody(scene.session([scene.item(other, Z)])))
  const r = rOf(nonceOf(first.lists))
  const { mu, s } = totals(first.answers)
  const { a } = insiderNonce(scene, session)
  const difference = (id: PartyId): bigint => mod(A.shareOf(id) - other.shareOf(id))
  const products = new Map(
    scene.honest.map(({ id }) => [
      id,
      div(answerBy(first.answers, id).nu - answerBy(second.answers, id).nu, lambda(id, scene.signers) * r),
    ]),
  )
  const own = difference(scene.corrupt)
  // A refresh adds a line through 0, so one own share of it is all of it and no quadratic is needed.
  const [[i, ci]] = [...products] as [[PartyId, bigint]]
  const linear = div(ci, div(own * BigInt(i), BigInt(scene.corrupt)))
  const a0 = [...factorLines(scene.corrupt, a, own, products).map((f) => f.a0), onLine(scene.corrupt, a, i, linear, 0)]
  return { candidates: a0.map((value) => keyFromNonce(div(mu, value), s, Z, r)) }
}
const twoKeys: Attack = (scene) => keyAmong(twoSharings(scene, KEYS.b).candidates, X)
const twoEpochs: Attack = (scene) => keyAmong(twoSharings(scene, KEYS.aRefreshed).candidates, X)

/** From an honest session: nu_i - mu_i, when both carry one mask, is a_i (z + r x_i - k_i). */
const sharedMasks: Attack = (scene) => {
  const session = scene.session([scene.item(A, Z)])
  const { lists, answers } = runAll(scene, everybody(session))
  const { mu, s } = totals(answers)
  const r = rOf(nonceOf(lists))
  const { k, a } = insiderNonce(scene, session)
  const products = new Map(
    scene.honest.map(({ id }) => {
      const { mu: m, nu } = answerBy(answers, id)
      return [id, div(nu - m, lambda(id, scene.signers))]
    }),
  )
  const y = mod(Z + r * A.shareOf(scene.corrupt) - k)
  return keyAmong(
    factorLines(scene.corrupt, a, y, products).map(({ a0 }) => keyFromNonce(div(mu, a0), s, Z, r)),
    X,
  )
}

/** From the wire of an honest session, without any signer's help: mu = k a is a square when k = a. */
const squareRoot: Attack = (scene) => {
  const { lists, answers } = runAll(scene, everybody(scene.session([scene.item(A, Z)])))
  const { mu, s } = totals(answers)
  try {
    const k = Fq.sqrt(mu)
    return keyAmong(
      [k, -k].map((root) => keyFromNonce(root, s, Z, rOf(nonceOf(lists)))),
      X,
    )
  } catch {
    return nothing('mu is no square')
  }
}

/** The same context again, with one bit of the digest flipped inside an honest signer: a_1, and with it everything. */
const repeatedUnder =
  (tickets: string): Attack =>
  (scene) => {
    const session = scene.session([scene.item(A, Z)])
    const { lists, answers } = runAll(scene, everybody(session))
    const again = runAll(scene, everybody(scene.session(session.items, tickets)))
    const [{ id }] = scene.honest as [HonestSigner]
    const { mu, s } = totals(answers)
    const r = rOf(nonceOf(lists))
    const { a } = insiderNonce(scene, session)
    const difference = div(answerBy(answers, id).nu - answerBy(again.answers, id).nu, lambda(id, scene.signers))
    const bits = Array.from({ length: 256 }, (_, bit) => 1n << BigInt(bit))
    const candidates = bits
      .flatMap((bit) => [bit, -bit])
      .map((bit) => {
        const a0 = onLine(scene.corrupt, a, id, div(difference, bit), 0)
        return keyFromNonce(div(mu, a0), s, Z, r)
      })
    return keyAmong(candidates, X)
  }
const repeatedWithFault: Attack = repeatedUnder('first')
const freshTicketWithFault: Attack = repeatedUnder('second')

/** Zero masks opened afterwards: what was under them is k_i a_i. */
const openedMasks: Attack = (scene) => {
  const session = scene.session([scene.item(A, Z)])
  const { lists, answers } = runAll(scene, everybody(session))
  const { s } = totals(answers)
  const { k, a } = insiderNonce(scene, session)
  const products = new Map(
    [...scene.extras].map(([id, extra]) => {
      const [mask] = extra.openMasks(session, lists) as [Answer]
      return [id, div(answerBy(answers, id).mu - mask.mu, lambda(id, scene.signers))]
    }),
  )
  if (products.size < 2) return nothing('no message opens a mask')
  const nonces = factorLines(scene.corrupt, a, k, products).map(({ y0 }) => y0)
  return keyAmong(
    nonces.map((nonce) => keyFromNonce(nonce, s, Z, rOf(nonceOf(lists)))),
    X,
  )
}

/** H3's order, w opened before the share that is divided by it: shown two values of w, both honest signers give a_i (z + r x_i). */
const splitW: Attack = (scene) => {
  const session = scene.session([scene.item(A, Z)])
  const { lists, answers } = runAll(scene, everybody(session))
  const { mu: w } = totals(answers)
  const r = rOf(nonceOf(lists))
  const wrong = mod(2n * w)
  const { a } = insiderNonce(scene, session)
  const products = new Map(
    [...scene.extras].map(([id, extra]) => {
      const difference = extra.third(session, lists, w) - extra.third(session, lists, wrong)
      return [id, div(difference, lambda(id, scene.signers) * (Fq.inv(w) - Fq.inv(wrong)))]
    }),
  )
  if (products.size < 2) return nothing('there is no third round')
  const y = mod(Z + r * A.shareOf(scene.corrupt))
  return keyAmong(
    factorLines(scene.corrupt, a, y, products).map(({ y0 }) => div(y0 - Z, r)),
    X,
  )
}

export const REPEATED_CONTEXT = {
  twoDigests,
  twoInstances,
  twoTweaks,
  twoKeys,
  twoEpochs,
  sharedMasks,
  squareRoot,
  repeatedWithFault,
  freshTicketWithFault,
  openedMasks,
  splitW,
} as const satisfies Readonly<Record<string, Attack>>
