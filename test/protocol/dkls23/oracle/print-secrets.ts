import { fromBits, toBits, xor } from './bits.ts'
import { SECP256K1 } from './curve.ts'
import { aliceRandom, bobRandom, dealtSeeds, drawn, drawnScalar } from './dealt.ts'
import { check, extend } from './extension.ts'
import { unpack } from './framing.ts'
import { integer, join, STREAM, TH } from './hashing.ts'
import { alice, bob, type Context, pads, sidOf } from './rvole.ts'

/**
 * Prints one multiplication's inputs and everything secret that comes up in it, as JSON of hex. A process of its own, because what it leaves
 * in memory would be taken for a leak of production; see ../memory.test.ts.
 */

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const scalar = (value: bigint | undefined): string => hex(integer(value as bigint, 32))

const present = [0]
const c: Context = { curve: SECP256K1, suite: 1, ctx: drawn('memory/ctx', 32), alice: 1, bob: 2, count: 1 }
const seeds = dealtSeeds('memory')
const forBob = bobRandom('memory/bob', 1)
const forAlice = aliceRandom(SECP256K1, 'memory/alice', present)
const [u, v] = [drawnScalar(SECP256K1, 'memory/u'), drawnScalar(SECP256K1, 'memory/v')]
const Bob = bob(c, seeds.bob, forBob)
const Alice = alice(c, seeds.alice, Bob.message)
const { message, cu, cv } = Alice.answer(present, [u], [v], forAlice)
const { du, dv } = Bob.finish(message, present)

const sid = sidOf(c, seeds.bob.psid, forBob.nonce)
const t = extend(seeds.bob, sid, toBits(forBob.beta), toBits(forBob.tail)).columns
const [, matrix, x, sums] = unpack(Bob.message, 4) as readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
const q = check(seeds.alice, sid, 416, { u: matrix, x, t: sums }) as readonly Uint8Array[]
const key = TH('pad', sid, forAlice.nonce)
const prg = (i: number, y: 0 | 1): Uint8Array =>
  TH('prg', sid, integer(i, 2), integer(y, 1), seeds.bob.seeds[i]?.[y] as Uint8Array)
const other = (row: Uint8Array): Uint8Array => fromBits(xor(toBits(row), seeds.alice.delta))

/** What Alice must not keep. */
const ofAlice: Record<string, string> = {
  delta: hex(fromBits(seeds.alice.delta)),
  seed: hex(seeds.alice.seeds[0] as Uint8Array),
  'last seed': hex(seeds.alice.seeds[127] as Uint8Array),
  'key of a column': hex(prg(0, seeds.alice.delta[0] ? 0 : 1)),
  'a column as hashed': hex(STREAM(prg(0, seeds.alice.delta[0] ? 0 : 1), 32)),
  'u ': scalar(u),
  'v ': scalar(v),
  hat: scalar(forAlice.ahat[0]),
  'c of u': scalar(cu[0]),
  'c of v': scalar(cv[0]),
}
/** What Bob must not keep. */
const ofBob: Record<string, string> = {
  'first choices': hex(forBob.beta.slice(0, 24)),
  'last choices': hex(forBob.beta.slice(-24)),
  'check bits': hex(forBob.tail),
  b: scalar(Bob.b[0]),
  'd of u': scalar(du[0]),
  'd of v': scalar(dv[0]),
}
for (const y of [0, 1] as const) {
  ofBob[`seed ${y}`] = hex(seeds.bob.seeds[0]?.[y] as Uint8Array)
  ofBob[`last seed ${y}`] = hex(seeds.bob.seeds[127]?.[y] as Uint8Array)
  ofBob[`key of column ${y}`] = hex(prg(0, y))
  ofBob[`column ${y} as hashed`] = hex(STREAM(prg(0, y), 32))
}
for (const j of [0, 1, 207, 415]) {
  const [rowT, rowQ] = [t[j], q[j]] as readonly [Uint8Array, Uint8Array]
  ofBob[`row ${j}`] = hex(rowT)
  ofAlice[`row ${j}`] = hex(rowQ)
  ofAlice[`other row ${j}`] = hex(other(rowQ))
  for (const m of [0, 1, 2] as const) {
    ofBob[`pad ${j}.${m}`] = scalar(pads(SECP256K1, key, j, rowT)[m])
    ofAlice[`pad ${j}.${m}`] = scalar(pads(SECP256K1, key, j, rowQ)[m])
    ofAlice[`other pad ${j}.${m}`] = scalar(pads(SECP256K1, key, j, other(rowQ))[m])
  }
}

console.log(
  JSON.stringify({
    ctx: hex(c.ctx),
    psid: hex(seeds.bob.psid),
    delta: hex(fromBits(seeds.alice.delta)),
    seeds: hex(join(...seeds.alice.seeds)),
    seeds0: hex(join(...seeds.bob.seeds.map(([zero]) => zero))),
    seeds1: hex(join(...seeds.bob.seeds.map(([, one]) => one))),
    bobDraws: [hex(forBob.nonce), hex(join(forBob.beta, forBob.tail))],
    aliceDraws: [hex(forAlice.nonce), ...forAlice.ahat.map((value) => hex(integer(value, 48)))],
    u: scalar(u),
    v: scalar(v),
    one: hex(Bob.message),
    two: hex(message),
    ofAlice,
    ofBob,
  }),
)
