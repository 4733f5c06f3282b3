import { toBits } from './bits.ts'
import { SECP256K1 } from './curve.ts'
import { pack, unpack } from './framing.ts'
import { integer } from './hashing.ts'
import { inboxOf } from './run.ts'
import { Failure } from './rvole.ts'
import { type Answer, assemble, type Extend, type Multiply, Signer, type SignerInput } from './signing.ts'
import { hex, type Scene } from './vectors.ts'

/** One session of the vectors in which signer `from` lies to signer `to` in one place, and what has to come of it. */
export interface Lie {
  readonly case: string
  readonly from: number
  readonly to: number
  readonly change: Change
}

/** `bytes` from `offset` on in place of what stands there; or a field cut or filled with zeros to a length; or another input. */
export type Change =
  | { readonly field: string; readonly offset: number; readonly bytes: string }
  | { readonly field: string; readonly length: number }
  /** The liar's share of the last item is one more than it should be. */
  | { readonly input: 'share' }
  /** Its nonces are minus the sum of all others, as if it had seen them. */
  | { readonly input: 'r' }

/** Where it shows: in `to` on the messages of a round, in the assembler, or not at all. */
export interface Verdict {
  readonly at: 'round 1' | 'round 2' | 'assembler' | 'nowhere'
  readonly code?: string
  /** 0: nobody can be named. */
  readonly culprit?: number
}

type Fields = Readonly<Record<string, Uint8Array>>

function changeIn(fields: Fields, name: string, change: Change): Fields {
  const field = fields[name]
  if (field === undefined || !('field' in change)) throw new RangeError(`no field ${name}`)
  if ('length' in change) {
    const resized = new Uint8Array(change.length)
    resized.set(field.slice(0, change.length))
    return { ...fields, [name]: resized }
  }
  const changed = Uint8Array.from(field)
  changed.set(Buffer.from(change.bytes, 'hex'), change.offset)
  return { ...fields, [name]: changed }
}

/** A field inside a packed list of fields. */
function changeInside(body: Uint8Array, names: readonly string[], name: string, change: Change): Uint8Array {
  const values = unpack(body, names.length)
  const changed = changeIn(Object.fromEntries(names.map((n, i) => [n, values[i] as Uint8Array])), name, change)
  return pack(...names.map((n) => changed[n] as Uint8Array))
}

const ONE = ['nonce', 'u', 'x', 't']
const TWO = ['nonce', 'at', 'eta', 'mu']

/** The message with the change, if it is of this kind: `extend.`, `extend.one.`, `multiply.`, `multiply.two.`, `answer.` and a field. */
export function changed<T extends Extend | Multiply | Answer>(
  kind: 'extend' | 'multiply' | 'answer',
  message: T,
  change: Change,
): T {
  if (!('field' in change)) return message
  const [of, field, inner] = change.field.split('.')
  if (of !== kind) return message
  const fields = message as unknown as Fields
  if (inner === undefined) return changeIn(fields, field as string, change) as unknown as T
  const body = changeInside(fields['rvole'] as Uint8Array, field === 'one' ? ONE : TWO, inner, change)
  return { ...fields, rvole: body } as unknown as T
}

/** Messages of honest signers, but for those that the liar's other inputs make. No signer looks at them here. */
export function sceneOf(base: Scene, { from, change }: Lie): Scene {
  if (!('input' in change)) return base
  const { session, inputs } = base
  const { q } = session.curve
  const liar = inputs.get(from) as SignerInput
  const last = session.items.length - 1
  const others = [...inputs.values()].filter(({ id }) => id !== from)
  const input: SignerInput =
    change.input === 'share'
      ? { ...liar, shares: liar.shares.map((share, b) => (b === last ? (share + 1n) % q : share)) }
      : {
          ...liar,
          random: {
            ...liar.random,
            r: liar.random.r.map(
              (r, b) => r && { ...r, scalar: q - (others.reduce((sum, o) => sum + (o.random.r[b]?.scalar ?? 0n), 0n) % q) },
            ),
          },
        }
  const all = new Map([...inputs].map(([id, value]) => [id, id === from ? input : value]))
  const signers = new Map([...all].map(([id, value]) => [id, new Signer(session, value)]))
  const each = <T>(step: (signer: Signer, id: number) => T): ReadonlyMap<number, T> =>
    new Map([...signers].map(([id, signer]) => [id, step(signer, id)]))
  const extend = each((signer) => signer.extend())
  const multiply = each((signer, id) => signer.multiply(inboxOf(extend, id)))
  return { session, inputs, run: { ...base.run, extend, multiply } }
}

/** What `to` gets, with the lie in it. */
export function lied(scene: Scene, { from, to, change }: Lie): Scene['run'] {
  const replace = <T extends Extend | Multiply>(kind: 'extend' | 'multiply', sent: ReadonlyMap<number, ReadonlyMap<number, T>>) =>
    new Map(
      [...sent].map(([sender, list]) => [
        sender,
        new Map([...list].map(([receiver, m]) => [receiver, sender === from && receiver === to ? changed(kind, m, change) : m])),
      ]),
    )
  const { run } = scene
  return {
    ...run,
    extend: replace('extend', run.extend),
    multiply: replace('multiply', run.multiply),
    answers: new Map([...run.answers].map(([id, answer]) => [id, id === from ? changed('answer', answer, change) : answer])),
  }
}

/** The oracle's verdict. */
export function verdictOf(base: Scene, lie: Lie): Verdict {
  const scene = sceneOf(base, lie)
  const { session, inputs, run } = scene
  const told = lied(scene, lie)
  const signer = new Signer(session, inputs.get(lie.to) as SignerInput)
  let at: Verdict['at'] = 'round 1'
  try {
    signer.multiply(inboxOf(told.extend, lie.to))
    at = 'round 2'
    const answer = signer.answer(inboxOf(told.multiply, lie.to))
    at = 'assembler'
    assemble(session, run.present, new Map(told.answers).set(lie.to, answer))
    return { at: 'nowhere' }
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    return { at, code: error.code, culprit: error.culprit }
  }
}

/** Every lie that is told in one session, from the second signer to the first. */
function liesIn(name: string, { session, inputs, run }: Scene): readonly Lie[] {
  const [to, from] = session.signers as readonly [number, number]
  const { q } = session.curve
  const one = unpack(run.extend.get(from)?.get(to)?.rvole as Uint8Array, 4) as readonly [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ]
  const multiply = run.multiply.get(from)?.get(to) as Multiply
  const two = unpack(multiply.rvole, 4) as readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
  const answer = run.answers.get(from) as Answer
  const inst = run.present[0] as number
  const beta = toBits(inputs.get(to)?.random.asBob.get(from)?.beta as Uint8Array).slice(416 * inst, 416 * inst + 416)
  const flip = (field: string, bytes: Uint8Array, offset: number): Change => ({
    field,
    offset,
    bytes: ((bytes[offset] as number) ^ 1).toString(16).padStart(2, '0'),
  })
  const set = (field: string, bytes: string): Change => ({ field, offset: 0, bytes })
  const order = hex(integer(q, 32))
  // The generators of both curves; any other point would do.
  const point =
    session.curve === SECP256K1
      ? '0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'
      : '036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296'
  const changes: readonly Change[] = [
    flip('extend.one.nonce', one[0], 31),
    flip('extend.one.u', one[1], 0),
    flip('extend.one.u', one[1], one[1].length - 1),
    flip('extend.one.x', one[2], 5),
    flip('extend.one.t', one[3], 2047),
    { field: 'extend.one.u', length: one[1].length - 1 },
    { field: 'extend.one.u', length: one[1].length + 16 },
    { field: 'extend.one.t', length: 2032 },
    flip('extend.com', run.extend.get(from)?.get(to)?.com as Uint8Array, 0),
    { field: 'extend.status', length: session.items.length + 1 },
    { field: 'extend.com', length: 31 },
    flip('multiply.salt', multiply.salt, 31),
    set('multiply.points', point),
    set('multiply.points', `05${point.slice(2)}`),
    { field: 'multiply.points', length: multiply.points.length + 33 },
    flip('multiply.two.nonce', two[0], 0),
    flip('multiply.two.at', two[1], 96 * beta.indexOf(true) + 31),
    flip('multiply.two.at', two[1], 96 * beta.lastIndexOf(true) + 95),
    flip('multiply.two.eta', two[2], 31),
    flip('multiply.two.mu', two[3], 0),
    set('multiply.two.at', order),
    set('multiply.two.eta', order),
    { field: 'multiply.two.at', length: two[1].length - 96 },
    set('multiply.gammaU', point),
    set('multiply.gammaV', point),
    set('multiply.gammaU', '00'),
    flip('multiply.psi', multiply.psi, 31),
    set('multiply.psi', order),
    session.threshold === 2 ? { field: 'multiply.pk', length: 33 } : set('multiply.pk', point),
    { input: 'share' },
    { input: 'r' },
    flip('answer.shares', answer.shares, 31),
    flip('answer.shares', answer.shares, 63),
    set('answer.shares', order),
    set('answer.points', point),
  ]
  return changes.map((change) => ({ case: name, from, to, change }))
}

/** The sessions in which lies are told: two signers on secp256k1, three on P-256. */
export const LIED_TO = ['quorate/vectors/1/secp256k1/2-of-2', 'quorate/vectors/1/p256/3-of-5']

export const liesOf = (all: ReadonlyMap<string, Scene>): readonly Lie[] =>
  [...all].flatMap(([name, scene]) => liesIn(name, scene))

export const negativeVectors = (all: ReadonlyMap<string, Scene>): object => ({
  format: 'quorate dkls23 lies',
  version: 1,
  lies: liesOf(all).map((lie) => ({ ...lie, expect: verdictOf(all.get(lie.case) as Scene, lie) })),
})
