import { bobDraws, scalarBytes } from './as-production.ts'
import { fromBits } from './bits.ts'
import { encode, inverse, mod, type Point, SECP256K1 } from './curve.ts'
import { dealtSession } from './dealt.ts'
import { integer, join, toInteger } from './hashing.ts'
import { inboxOf, runSigning } from './run.ts'
import {
  type Answer,
  answerBody,
  lambda,
  multiplyBody,
  type NonceSeed,
  openingBody,
  type PairSeeds,
  type SignerInput,
} from './signing.ts'

/** The same for the signing script of signer 1 of three, one item; a process of its own, as print-secrets.ts says. */

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const scalar = (value: bigint): string => hex(integer(mod(value, SECP256K1.q), 32))
const ID = 1
const PEERS = [2, 3]

const { session, inputs } = dealtSession({
  curve: SECP256K1,
  suite: 1,
  threshold: 3,
  parties: [1, 2, 3],
  signers: [1, 2, 3],
  count: 1,
  name: 'memory of a signer',
})
const run = runSigning(session, inputs)
const input = inputs.get(ID) as SignerInput
const { random } = input
const [r, phi] = [random.r[0], random.phi[0]] as [NonceSeed, NonceSeed]
const pair = (peer: number): PairSeeds => input.pairs.get(peer) as PairSeeds
const only = (list: readonly bigint[] | undefined): bigint => list?.[0] as bigint

/** u of the answer is r Phi and shares of products; v likewise with sk. */
const c = (peer: number) => run.products.get(ID)?.get(peer)
const d = (peer: number) => run.results.get(ID)?.get(peer)
const psi = PEERS.reduce((sum, peer) => sum + toInteger(run.multiply.get(peer)?.get(ID)?.psi as Uint8Array), 0n)
const Phi = phi.scalar + psi
const answer = run.answers.get(ID) as Answer
const w = toInteger(answer.shares.slice(0, 32))
const z = toInteger(session.items[0]?.digest as Uint8Array)
const R = toInteger(answer.points.slice(1))
const v = (w - z * phi.scalar) * inverse(R, SECP256K1.q)
const crossV = PEERS.reduce((sum, peer) => sum + only(c(peer)?.cv) + only(d(peer)?.dv), 0n)
const sk = (v - crossV) * inverse(Phi, SECP256K1.q)
const weighted = lambda(session, ID) * (input.shares[0] as bigint)

const secrets: Record<string, string> = {
  share: scalar(input.shares[0] as bigint),
  'weighted share': scalar(weighted),
  'zero share': scalar(sk - weighted),
  sk: scalar(sk),
  'seed of r': hex(r.seed),
  'seed of phi': hex(phi.seed),
  r: scalar(r.scalar),
  phi: scalar(phi.scalar),
  Phi: scalar(Phi),
  'r Phi': scalar(r.scalar * Phi),
  'sk Phi': scalar(sk * Phi),
  v: scalar(v),
  'r v': scalar(R * v),
  'z phi': scalar(z * phi.scalar),
}
for (const peer of PEERS) {
  const bob = random.asBob.get(peer)
  const all: Record<string, string> = {
    delta: hex(fromBits(pair(peer).asAlice.delta)),
    seed: hex(pair(peer).asAlice.seeds[5] as Uint8Array),
    'seed 0': hex(pair(peer).asBob.seeds[9]?.[0] as Uint8Array),
    'seed 1': hex(pair(peer).asBob.seeds[9]?.[1] as Uint8Array),
    zseed: hex(pair(peer).zseed),
    choices: hex(bob?.beta.slice(0, 24) as Uint8Array),
    'check bits': hex(bob?.tail as Uint8Array),
    b: scalar(only(run.b.get(ID)?.get(peer))),
    hat: scalar(only(random.asAlice.get(peer)?.ahat)),
    'c of u': scalar(only(c(peer)?.cu)),
    'c of v': scalar(only(c(peer)?.cv)),
    'd of u': scalar(only(d(peer)?.du)),
    'd of v': scalar(only(d(peer)?.dv)),
    psi: hex(run.multiply.get(peer)?.get(ID)?.psi as Uint8Array),
  }
  for (const [name, value] of Object.entries(all)) secrets[`${name}, peer ${peer}`] = value
}

const shares = input.verifyingShares[0] as ReadonlyMap<number, Point>
console.log(
  JSON.stringify({
    session: hex(session.sessionId),
    instance: hex(session.items[0]?.instance as Uint8Array),
    digest: hex(session.items[0]?.digest as Uint8Array),
    publicKey: hex(session.items[0]?.publicKey as Uint8Array),
    share: hex(scalarBytes(input.shares[0] as bigint)),
    verifyingShares: [...shares].map(([id, point]) => [id, hex(encode(point))]),
    pairs: PEERS.map((peer) => ({
      peer,
      sender: {
        psid: hex(pair(peer).asAlice.psid),
        delta: hex(fromBits(pair(peer).asAlice.delta)),
        seeds: hex(join(...pair(peer).asAlice.seeds)),
      },
      receiver: {
        psid: hex(pair(peer).asBob.psid),
        seeds0: hex(join(...pair(peer).asBob.seeds.map(([zero]) => zero))),
        seeds1: hex(join(...pair(peer).asBob.seeds.map(([, one]) => one))),
      },
      zseed: hex(pair(peer).zseed),
    })),
    draws: [
      hex(r.seed),
      hex(phi.seed),
      hex(random.salt),
      ...PEERS.flatMap((peer) => bobDraws(random.asBob.get(peer) as NonNullable<ReturnType<typeof random.asBob.get>>)).map(hex),
      ...PEERS.flatMap((peer) => {
        const alice = random.asAlice.get(peer)
        return [hex(alice?.nonce as Uint8Array), hex(integer(only(alice?.ahat), 48))]
      }),
    ],
    first: [...inboxOf(run.extend, ID)].map(([from, m]) => [from, hex(openingBody(m)), hex(m.rvole)]),
    second: [...inboxOf(run.multiply, ID)].map(([from, m]) => [from, hex(multiplyBody(m))]),
    answer: hex(answerBody(answer)),
    secrets,
  }),
)
