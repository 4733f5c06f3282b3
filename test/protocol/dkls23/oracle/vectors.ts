import { fromBits } from './bits.ts'
import { encode, P256, type Point, SECP256K1 } from './curve.ts'
import { type DealtOptions, dealtSession } from './dealt.ts'
import { unpack } from './framing.ts'
import { integer, join, plainSha256 } from './hashing.ts'
import { runSigning, type Transcript } from './run.ts'
import { gadget, sidOf, thetas } from './rvole.ts'
import { type Direction, type Setup, setup } from './setups.ts'
import {
  contextOf,
  type Extend,
  type Multiply,
  multiplyBody,
  openingBody,
  type PairSeeds,
  type Session,
  type SignerInput,
} from './signing.ts'

/** The published test vectors as data; ../vectors/README.md says how each field is made. */

export const VERSION = 1

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const scalar = (value: bigint): string => hex(integer(value, 32))
const point = (value: Point): string => hex(encode(value))
/** For fields that would fill the file. */
const digest = (bytes: Uint8Array): string => `sha256:${hex(plainSha256(bytes))}:${bytes.length}`

const SETUP = 'quorate/vectors/1/setup'

const PAIRS = [
  [1, 2],
  [1, 4],
  [2, 4],
] as const

/** Each unordered pair among the signers of the cases below. */
export const setups = (): readonly Setup[] => PAIRS.map(([min, max]) => setup(`${SETUP}/${min}-${max}`, min, max))

function directionVector(d: Direction): object {
  const { forAlice, forBob } = d
  return {
    alice: d.alice,
    bob: d.bob,
    psid: hex(forAlice.psid),
    a: scalar(d.a),
    a_point: point(d.aPoint),
    choices: hex(d.choices),
    beta_0: scalar(d.exponents[0] as bigint),
    other_0: scalar(d.others[0] as bigint),
    phi_0: (d.phi[0] ?? []).map(point),
    phi: digest(join(...d.phi.flat().map(encode))),
    delta: hex(fromBits(forAlice.delta)),
    seeds_alice_0: hex(forAlice.seeds[0] as Uint8Array),
    seeds_alice: digest(join(...forAlice.seeds)),
    seeds_bob_0: forBob.seeds[0]?.map(hex),
    seeds0_bob: digest(join(...forBob.seeds.map(([zero]) => zero))),
    seeds1_bob: digest(join(...forBob.seeds.map(([, one]) => one))),
  }
}

export const setupVectors = (all: readonly Setup[]): object => ({
  format: 'quorate dkls23 pair set-up',
  version: VERSION,
  name: SETUP,
  pairs: all.map((s) => ({
    min: s.min,
    max: s.max,
    session: hex(s.session),
    pair_id: hex(s.pairId),
    nonce_min: hex(s.forth.nonceA),
    nonce_max: hex(s.forth.nonceB),
    part_min: hex(s.partMin),
    part_max: hex(s.partMax),
    zseed: hex(s.zseed),
    directions: [s.forth, s.back].map(directionVector),
  })),
})

export interface Case extends DealtOptions {
  readonly refuses: ReadonlyMap<number, readonly number[]>
}

const SETS = [
  { threshold: 2, parties: [1, 2], signers: [1, 2], count: 1, refuses: new Map() },
  { threshold: 2, parties: [1, 2, 3], signers: [1, 2], count: 2, refuses: new Map() },
  { threshold: 3, parties: [1, 2, 3, 4, 5], signers: [1, 2, 4], count: 2, refuses: new Map([[4, [0]]]) },
] as const

/** (2,2), (2,3) and (3,5) on both suites; in the last, signer 4 refuses item 0. */
export const CASES: readonly Case[] = [
  { curve: SECP256K1, suite: 1 },
  { curve: P256, suite: 2 },
].flatMap((suite) =>
  SETS.map((set) => ({
    ...suite,
    ...set,
    name: `quorate/vectors/1/${suite.curve.name}/${set.threshold}-of-${set.parties.length}`,
  })),
)

/** A session and its honest transcript. */
export interface Scene {
  readonly session: Session
  readonly inputs: ReadonlyMap<number, SignerInput>
  readonly run: Transcript
}

/** A dealt session whose pairs hold the set-ups of the vectors. */
function sceneOf(c: Case, all: readonly Setup[]): Scene {
  const { session, inputs: dealt } = dealtSession(c)
  const pairs = (id: number): ReadonlyMap<number, PairSeeds> =>
    new Map(
      all
        .filter(({ min, max }) => (min === id || max === id) && c.signers.includes(min) && c.signers.includes(max))
        .map(({ min, max, forth, back, zseed }) =>
          min === id
            ? [max, { asAlice: forth.forAlice, asBob: back.forBob, zseed }]
            : [min, { asAlice: back.forAlice, asBob: forth.forBob, zseed }],
        ),
    )
  const inputs = new Map([...dealt].map(([id, input]) => [id, { ...input, pairs: pairs(id) }]))
  return { session, inputs, run: runSigning(session, inputs) }
}

/** By the name of the case: all, or those named. */
export const scenes = (all: readonly Setup[], names = CASES.map(({ name }) => name)): ReadonlyMap<string, Scene> =>
  new Map(CASES.filter(({ name }) => names.includes(name)).map((c) => [c.name, sceneOf(c, all)]))

function pairVector(
  session: Session,
  inputs: ReadonlyMap<number, SignerInput>,
  run: Transcript,
  from: number,
  to: number,
): object {
  const receiver = inputs.get(to) as SignerInput
  const sender = inputs.get(from) as SignerInput
  const seeds = (sender.pairs.get(to) as PairSeeds).asAlice
  const bob = receiver.random.asBob.get(from) as NonNullable<ReturnType<typeof receiver.random.asBob.get>>
  const alice = sender.random.asAlice.get(to) as NonNullable<ReturnType<typeof sender.random.asAlice.get>>
  const one = run.extend.get(to)?.get(from)?.rvole as Uint8Array
  const two = run.multiply.get(from)?.get(to) as Multiply
  const [, u, x, t] = unpack(one, 4) as readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
  const [nonceA, at, eta, mu] = unpack(two.rvole, 4) as readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
  const { curve, suite, items } = session
  const context = { curve, suite, ctx: contextOf(session), alice: from, bob: to, count: items.length }
  const sid = sidOf(context, seeds.psid, bob.nonce)
  const products = run.products.get(from)?.get(to)
  const results = run.results.get(to)?.get(from)
  return {
    alice: from,
    bob: to,
    sid: hex(sid),
    gadget_0: scalar(gadget(context, seeds.psid)[0] as bigint),
    one: {
      nonce: hex(bob.nonce),
      beta: digest(bob.beta),
      tail: hex(bob.tail),
      b: run.b.get(to)?.get(from)?.map(scalar),
      u: digest(u),
      x: hex(x),
      t: digest(t),
      message: digest(one),
    },
    two: {
      nonce: hex(nonceA),
      ahat: alice.ahat.map(scalar),
      at: digest(at),
      theta: thetas(curve, sid, nonceA, at).map(scalar),
      eta: hex(eta),
      mu: hex(mu),
      message: digest(two.rvole),
    },
    c_u: products?.cu.map(scalar),
    c_v: products?.cv.map(scalar),
    d_u: results?.du.map(scalar),
    d_v: results?.dv.map(scalar),
    gamma_u: hex(two.gammaU),
    gamma_v: hex(two.gammaV),
    psi: hex(two.psi),
    message: digest(multiplyBody(two)),
  }
}

function signingVector(c: Case, { session, inputs, run }: Scene): object {
  const { signers } = c
  return {
    name: c.name,
    curve: c.curve.name,
    suite: c.suite,
    threshold: c.threshold,
    parties: c.parties.join(),
    signers: signers.join(),
    session: hex(session.sessionId),
    ctx: hex(contextOf(session)),
    items: session.items.map(({ instance, digest: d, publicKey }) => ({
      instance: hex(instance),
      digest: hex(d),
      public_key: hex(publicKey),
    })),
    present: run.present.join(),
    signer: signers.map((id) => {
      const { shares, random } = inputs.get(id) as SignerInput
      const sent = [...(run.extend.get(id)?.values() ?? [])][0]
      const two = [...(run.multiply.get(id)?.values() ?? [])][0]
      const answer = run.answers.get(id)
      return {
        id,
        shares: shares.map(scalar),
        r_seed: random.r.map((r) => r && hex(r.seed)),
        r: random.r.map((r) => r && scalar(r.scalar)),
        phi_seed: random.phi.map((phi) => phi && hex(phi.seed)),
        phi: random.phi.map((phi) => phi && scalar(phi.scalar)),
        salt: hex(random.salt),
        status: hex(sent?.status as Uint8Array),
        com: hex(sent?.com as Uint8Array),
        points: hex(two?.points as Uint8Array),
        pk: hex(two?.pk as Uint8Array),
        opening: hex(openingBody(sent as Extend)),
        answer: { points: hex(answer?.points as Uint8Array), shares: hex(answer?.shares as Uint8Array) },
      }
    }),
    pairs: signers.flatMap((from) => signers.filter((to) => to !== from).map((to) => pairVector(session, inputs, run, from, to))),
    signatures: run.signatures.map(({ bytes, recovery }) => ({ signature: hex(bytes), recovery })),
  }
}

export const signingVectors = (all: ReadonlyMap<string, Scene>): object => ({
  format: 'quorate dkls23 signing',
  version: VERSION,
  cases: CASES.map((c) => signingVector(c, all.get(c.name) as Scene)),
})
