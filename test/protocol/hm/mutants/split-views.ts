import type { PartyId } from '../../../../src/protocol/engine/party.ts'
import { bytes32 } from '../../signing/dealt-key.ts'
import { div, factorLines, forgeryOf, keyAmong, keyFromNonce, type Loot, nothing, onLine } from './loot.ts'
import { lambda } from './model.ts'
import {
  type Attack,
  FORGED,
  insiderNonce,
  KEYS,
  nonceOf,
  runAll,
  type Scene,
  type Target,
  totals,
  tweakOf,
  APPROVED as Z,
} from './scene.ts'
import { type Answer, Fq, type HonestSigner, intOf, mod, Point, type PointLists, rOf, type Session } from './session.ts'

// What the relay gains by showing honest signers different things, or all of them a wrong one; nothing it shows is authenticated.

const { a: A } = KEYS
const X = A.dealt.publicKey
const digestOf = (name: string): bigint => mod(intOf(bytes32(name)))

/** P1 and P2 sign two approved digests in one session; their line meets 0 in a third one. */
const splitDigest: Attack = (scene) => {
  const [i, j] = scene.honest.map(({ id }) => id) as [PartyId, PartyId]
  // z_j such that the line through z_i and z_j has the wanted value at 0.
  const zj = onLine(0, FORGED, i, Z, j)
  const at = (id: PartyId): bigint => onLine(0, FORGED, i, Z, id)
  if (at(j) !== zj) return nothing('')
  const { lists, answers } = runAll(scene, (id) => scene.session([scene.item(A, at(id))]))
  return forgeryOf(FORGED, rOf(nonceOf(lists)), totals(answers).s, X)
}

/** The same with tweaks, of which P2's is chosen when R is known from P1's first message: any digest under the root key. */
const splitTweak: Attack = (scene) => {
  const [first, second] = scene.honest as [HonestSigner, HonestSigner]
  const e1 = tweakOf(1)
  const session = (e: bigint): Session => scene.session([scene.item(A, Z, e)])
  const opened = first.open(session(e1))
  const own = scene.insider.open(session(e1))
  const r = rOf(
    nonceOf(
      new Map([
        [first.id, opened],
        [scene.corrupt, own],
      ]),
    ),
  )
  const wanted = div(FORGED - Z, r)
  const at = (id: PartyId): bigint => onLine(0, wanted, first.id, e1, id)
  const lists = new Map([
    [first.id, opened],
    [second.id, second.open(session(at(second.id)))],
    [scene.corrupt, own],
  ])
  const answers = new Map([first, second, scene.insider].map((s) => [s.id, s.answer(session(at(s.id)), lists)]))
  return forgeryOf(FORGED, r, totals(answers).s, X)
}

/** P1 answers for one sharing, P2 for another: a signature under a shifted key is one on a shifted digest. */
function splitSharing(scene: Scene, other: Target, shiftAtSecond: (second: PartyId) => bigint): Loot {
  const [first, second] = scene.honest as [HonestSigner, HonestSigner]
  const of = (key: Target): Session => scene.session([scene.item(key, Z)])
  const lists: PointLists = new Map([
    [first.id, first.open(of(A))],
    [second.id, second.open(of(other))],
    [scene.corrupt, scene.insider.open(of(A))],
  ])
  // The line of shares that the two answer for is x plus the line through 0 at P1 and the shift at P2.
  const shift = (id: number): bigint => onLine(first.id, 0n, second.id, shiftAtSecond(second.id), id)
  const [own] = scene.insider.answer(of(A), lists) as [Answer]
  const r = rOf(nonceOf(lists))
  const { a } = insiderNonce(scene, of(A))
  const mine = { ...own, nu: mod(own.nu + lambda(scene.corrupt, scene.signers) * a * r * shift(scene.corrupt)) }
  const answers = new Map([
    [first.id, first.answer(of(A), lists)],
    [second.id, second.answer(of(other), lists)],
    [scene.corrupt, [mine]],
  ])
  return forgeryOf(Z + r * shift(0), r, totals(answers).s, X)
}
const splitEpoch: Attack = (scene) =>
  splitSharing(scene, KEYS.aRefreshed, (second) =>
    div((KEYS.aRefreshed.shareOf(scene.corrupt) - A.shareOf(scene.corrupt)) * BigInt(second), BigInt(scene.corrupt)),
  )
/** The shift between two keys is not known to the attacker: it can only hope that it is its own one. */
const splitKey: Attack = (scene) =>
  splitSharing(scene, KEYS.b, () => mod(KEYS.b.shareOf(scene.corrupt) - A.shareOf(scene.corrupt)))

const targetPoint = (name: string): Point => Point.BASE.multiply(digestOf(name))

/** Three points on the line through `victim`'s own point whose value at 0 is T. */
function lineFor(scene: Scene, victim: PartyId, own: Point, T: Point): PointLists {
  const slope = own.subtract(T).multiplyUnsafe(Fq.inv(BigInt(victim)))
  return new Map(scene.signers.map((j) => [j, [T.add(slope.multiplyUnsafe(BigInt(j)))]]))
}

/** Forged lists, one line through each victim's point, and the same context again with other lines: a_i x_i at two places. */
const twoLists =
  (firstTarget: (victim: PartyId, own: Point) => Point): Attack =>
  (scene) => {
    const session = scene.session([scene.item(A, Z)])
    const own = insiderNonce(scene, session)
    const products = new Map(
      scene.honest.map((signer) => {
        const [R] = signer.open(session) as [Point]
        const targets = [firstTarget(signer.id, R), targetPoint(`line 2 for ${signer.id}`)]
        const [one, two] = targets.map((T) => ({
          r: T.is0() ? 0n : rOf(T),
          nu: (signer.answer(session, lineFor(scene, signer.id, R, T))[0] as Answer).nu,
        })) as [{ r: bigint; nu: bigint }, { r: bigint; nu: bigint }]
        return [signer.id, div(one.nu - two.nu, lambda(signer.id, scene.signers) * (one.r - two.r))]
      }),
    )
    return keyAmong(
      factorLines(scene.corrupt, own.a, A.shareOf(scene.corrupt), products).map(({ y0 }) => y0),
      X,
    )
  }
const forgedLists: Attack = twoLists((victim) => targetPoint(`line 1 for ${victim}`))
/** The same with R(0) = O in the first list: r = 0 takes the key out of the answer. */
const forgedZero: Attack = twoLists(() => Point.ZERO)
/** The same with the identity in another signer's place. */
const forgedIdentity: Attack = twoLists((victim, own) => {
  const other = victim === 1 ? 2 : 1
  return own.multiplyUnsafe(mod(BigInt(other) * Fq.inv(mod(BigInt(other - victim)))))
})

/** Forged lists once: do the sums verify under anything that anybody saw? */
const forgedListsOnce: Attack = (scene) => {
  const session = scene.session([scene.item(A, Z)])
  const opened = new Map(scene.honest.map((signer) => [signer.id, signer.open(session)[0] as Point]))
  const T = new Map(scene.honest.map(({ id }) => [id, targetPoint(`line 1 for ${id}`)]))
  const listFor = (id: PartyId): PointLists => lineFor(scene, id, opened.get(id) as Point, T.get(id) as Point)
  const answers = new Map(scene.honest.map((s) => [s.id, s.answer(session, listFor(s.id))]))
  const R = nonceOf(new Map([...opened].map(([id, P]) => [id, [P]])))
  for (const seen of [R, ...T.values()]) {
    const mine = scene.insider.answer(session, listFor((scene.honest[0] as HonestSigner).id))
    const { s } = totals(new Map([...answers, [scene.corrupt, mine]]))
    const loot = forgeryOf(FORGED, rOf(seen), s, X)
    if (loot.type !== 'nothing') return loot
  }
  return nothing('the sums verify under no R')
}

/** A digest that nobody approved and the point that steers an approved session to it: r* = z r / h. */
function steering(r: bigint, from = 0): { readonly digest: bigint; readonly T: Point } {
  for (let n = from; ; n++) {
    const digest = digestOf(`steered ${n}`)
    const x = div(Z * r, digest)
    try {
      return { digest, T: Point.fromBytes(Uint8Array.from([2, ...Fq.toBytes(x)])) }
    } catch {
      // x is no coordinate of a point: another digest
    }
  }
}

type Steer = (T: Point, lists: PointLists) => PointLists

/** Honest points, the list that everybody is shown for a chosen R(0), and the quotient under it. */
function steered(scene: Scene, steer: Steer, n = 0): { r: bigint; wrongR: bigint; s: bigint; digest: bigint } {
  const session = scene.session([scene.item(A, Z)])
  const all = [...scene.honest, scene.insider]
  const lists = new Map(all.map((s) => [s.id, s.open(session)]))
  const r = rOf(nonceOf(lists))
  const { digest, T } = steering(r, n)
  const shown = steer(T, lists)
  const { s } = totals(new Map(all.map((signer) => [signer.id, signer.answer(session, shown)])))
  return { r, wrongR: rOf(T), s, digest }
}

const steerOnce = (scene: Scene, steer: Steer): Loot => {
  const { r, wrongR, s, digest } = steered(scene, steer)
  return forgeryOf(digest, r, mod(s * div(r, wrongR)), X)
}
/** s' k = z + r' x for two values of r'. */
const steerTwice = (scene: Scene, steer: Steer): Loot => {
  const [one, two] = [steered(scene, steer), steered(scene, steer, 1000)]
  const k = div(Z * (two.wrongR - one.wrongR), one.s * two.wrongR - two.s * one.wrongR)
  return keyAmong([keyFromNonce(k, one.s, Z, one.wrongR)], X)
}

/** Nobody finds its own entry: everybody is shown T alone. */
const allT: Steer = (T, lists) => new Map([...lists.keys()].map((id) => [id, [T]]))
const replacedOwnEntry: Attack = (scene) => steerOnce(scene, allT)
const replacedOwnEntryTwice: Attack = (scene) => steerTwice(scene, allT)

/** The recipe is R = 2 R_1 - R_2: signer 1 or 2, having seen the other, makes it T. Signer 3 is not in it. */
const offLine =
  (corrupt: PartyId): Steer =>
  (T, lists) => {
    const [R1] = lists.get(1) as [Point]
    const [R2] = lists.get(2) as [Point]
    const lie = corrupt === 1 ? T.add(R2).multiplyUnsafe(Fq.inv(2n)) : R1.double().subtract(T)
    return new Map(lists).set(corrupt, [corrupt === 3 ? T : lie])
  }
const offDegree: Attack = (scene) => steerOnce(scene, offLine(scene.corrupt))
const offDegreeTwice: Attack = (scene) => steerTwice(scene, offLine(scene.corrupt))

/** P1 does not approve and opens nothing; its point follows from the others', so that round 2 can be put to it all the same. */
const withoutApproval: Attack = (scene) => {
  const [asked, refusing] = scene.honest as [HonestSigner, HonestSigner]
  const session = scene.session([scene.item(A, FORGED)])
  const R = new Map([asked, scene.insider].map((s) => [s.id, s.open(session)[0] as Point]))
  const [[i, Pi], [j, Pj]] = [...R] as [[PartyId, Point], [PartyId, Point]]
  const slope = Pj.subtract(Pi).multiplyUnsafe(Fq.inv(mod(BigInt(j - i))))
  const at = Pi.add(slope.multiplyUnsafe(mod(BigInt(refusing.id - i))))
  const lists: PointLists = new Map([...R.entries(), [refusing.id, at] as const].map(([id, P]) => [id, [P]]))
  const answers = new Map([asked, refusing, scene.insider].map((s) => [s.id, s.answer(session, lists)]))
  return forgeryOf(FORGED, rOf(nonceOf(lists)), totals(answers).s, X)
}

export const SPLIT_VIEWS = {
  splitDigest,
  splitTweak,
  splitEpoch,
  splitKey,
  forgedLists,
  forgedZero,
  forgedIdentity,
  forgedListsOnce,
  replacedOwnEntry,
  replacedOwnEntryTwice,
  offDegree,
  offDegreeTwice,
  withoutApproval,
} as const satisfies Readonly<Record<string, Attack>>
