import type { Group } from '../curve/group.ts'
import { concat, equalBytes, type Rng, toHex, u8, u16, u32, wipe } from '../engine/bytes.ts'
import { bytes, message } from '../engine/codec.ts'
import { blame, Fault } from '../engine/fault.ts'
import type { PartyId } from '../engine/party.ts'
import { TAGS } from '../engine/tags.ts'
import { TH, XOF } from '../engine/transcript.ts'
import { block, correlate, extend } from './extension.ts'
import { COLUMNS, pads } from './pads.ts'
import type { ReceiverSetup, SenderSetup } from './pair-record.ts'
import { assertCount, BLOCK, choiceBytes, columnBytes, LAMBDA, MAX_MULTIPLICATIONS, XI } from './parameters.ts'

const SCALAR = 32
const SENT = COLUMNS * SCALAR
const MAX_U = LAMBDA * columnBytes(MAX_MULTIPLICATIONS)
const MAX_AT = MAX_MULTIPLICATIONS * XI * SENT

/** Message 1, receiver to sender: nonce_B, the matrix U, and the consistency check. */
export const RVOLE_ONE = message(
  { nonce: bytes(32), u: bytes({ max: MAX_U }), x: bytes(BLOCK), t: bytes(LAMBDA * BLOCK) },
  MAX_U + LAMBDA * BLOCK + 128,
)

/** Message 2, sender to receiver: nonce_A, three scalars for each OT, one check scalar for each instance, one hash. */
export const RVOLE_TWO = message(
  { nonce: bytes(32), at: bytes({ max: MAX_AT }), eta: bytes({ max: MAX_MULTIPLICATIONS * SCALAR }), mu: bytes(32) },
  MAX_AT + MAX_MULTIPLICATIONS * SCALAR + 128,
)

/** One multiplication session of an ordered pair. */
export interface RvoleContext {
  readonly group: Group
  readonly suite: number
  /** 32 bytes: everything the session is about. */
  readonly ctx: Uint8Array
  /** Alice: brings the inputs. */
  readonly sender: PartyId
  /** Bob: gets random inputs. */
  readonly receiver: PartyId
  /** B: instances in the whole batch. */
  readonly count: number
}

const sidOf = (c: RvoleContext, psid: Uint8Array, nonce: Uint8Array): Uint8Array =>
  TH(TAGS.rvoleSid, c.ctx, psid, u16(c.sender), u16(c.receiver), nonce)

/** The gadget of a direction and suite: public, but 416 long hashes; kept for a few directions. */
const GADGETS = new Map<string, readonly Uint8Array[]>()
const MAX_GADGETS = 64

function gadgetOf({ group, suite }: RvoleContext, psid: Uint8Array): readonly Uint8Array[] {
  const name = `${toHex(psid)} ${suite}`
  let gadget = GADGETS.get(name)
  if (gadget === undefined) {
    gadget = Array.from({ length: XI }, (_, j) => group.reduceWide(XOF(48, TAGS.gadget, psid, u16(suite), u32(j))))
    if (GADGETS.size === MAX_GADGETS) GADGETS.clear()
    GADGETS.set(name, gadget)
  }
  return gadget
}

const zero = (): Uint8Array => new Uint8Array(SCALAR)

/** acc = acc + a * b. */
function addProduct(group: Group, acc: Uint8Array, a: Uint8Array, b: Uint8Array): void {
  const product = group.mulAssign(Uint8Array.from(a), b)
  group.addAssign(acc, product)
  wipe(product)
}

/** sum over j of g_j * scalars[3 j + column]. */
function gadgetSum(group: Group, gadget: readonly Uint8Array[], scalars: readonly Uint8Array[], column: number): Uint8Array {
  const sum = zero()
  gadget.forEach((g, j) => {
    addProduct(group, sum, scalars[COLUMNS * j + column] as Uint8Array, g)
  })
  return sum
}

/** The bytes where `bit` is one, zero where it is zero. */
function masked(bit: number, value: Uint8Array): Uint8Array {
  return value.map((byte) => byte & -bit)
}

type Theta = readonly [Uint8Array, Uint8Array]

function thetas(group: Group, sid: Uint8Array, nonce: Uint8Array, at: Uint8Array): Theta {
  const root = TH(TAGS.atilde, sid, nonce, at)
  const theta = (b: number): Uint8Array => group.reduceWide(XOF(48, TAGS.theta, root, u8(b)))
  return [theta(0), theta(1)]
}

/** third + theta_0 first + theta_1 second. */
function checkValue(group: Group, theta: Theta, [first, second, third]: readonly Uint8Array[]): Uint8Array {
  const value = Uint8Array.from(third as Uint8Array)
  addProduct(group, value, theta[0], first as Uint8Array)
  addProduct(group, value, theta[1], second as Uint8Array)
  return value
}

function assertPresent(present: readonly number[], count: number): void {
  if (present.some((inst, k) => !Number.isInteger(inst) || inst >= count || inst <= (present[k - 1] ?? -1))) {
    throw new RangeError('present instances must ascend within the batch')
  }
}

const bitOf = (bits: Uint8Array, J: number): number => ((bits[J >> 3] as number) >> (J & 7)) & 1

/** Bob. Draws beta; `b[inst]` are his random inputs (chi of protocols.md 6.2). */
export class RvoleReceiver {
  /** Message 1, for the sender. */
  readonly message: Uint8Array
  /** nonce_B, 32 bytes. */
  readonly nonce: Uint8Array
  /** One scalar for each instance; wiped by {@link wipe}. */
  readonly b: readonly Uint8Array[]
  readonly #context: RvoleContext
  readonly #sid: Uint8Array
  readonly #gadget: readonly Uint8Array[]
  readonly #beta: Uint8Array
  readonly #rows: Uint8Array

  constructor(context: RvoleContext, setup: ReceiverSetup, rng: Rng) {
    const { group, count } = context
    assertCount(count)
    this.#context = context
    this.nonce = rng(32)
    this.#sid = sidOf(context, setup.psid, this.nonce)
    this.#gadget = gadgetOf(context, setup.psid)
    this.#beta = rng(columnBytes(count))
    const { extension, rows } = extend(setup, this.#sid, this.#beta, count)
    this.#rows = rows
    this.message = RVOLE_ONE.encode({ nonce: this.nonce, ...extension })
    this.b = Array.from({ length: count }, (_, inst) => {
      const sum = zero()
      this.#gadget.forEach((g, j) => {
        const term = masked(bitOf(this.#beta, inst * XI + j), g)
        group.addAssign(sum, term)
        wipe(term)
      })
      return sum
    })
  }

  /**
   * Message 2 over the instances in `present` (ascending): Bob's shares d of the products; index k is the k-th present instance.
   * @throws Fault SIGN_MALFORMED, or RVOLE_CHECK (the caller must ban), naming the sender.
   */
  finish(
    message: Uint8Array,
    present: readonly number[],
  ): { readonly du: readonly Uint8Array[]; readonly dv: readonly Uint8Array[] } {
    const { group, sender, count } = this.#context
    assertPresent(present, count)
    const { nonce, at, eta, mu } = blame(sender, 'SIGN_MALFORMED', () => {
      const two = RVOLE_TWO.decode(message)
      if (two.at.length !== present.length * XI * SENT) throw new RangeError('another number of transfers')
      if (two.eta.length !== present.length * SCALAR) throw new RangeError('another number of check values')
      for (const scalars of [two.at, two.eta]) {
        for (let i = 0; i < scalars.length; i += SCALAR) {
          if (!group.isScalar(scalars.subarray(i, i + SCALAR))) throw new RangeError('not a canonical scalar')
        }
      }
      return two
    })
    const theta = thetas(group, this.#sid, nonce, at)
    const key = TH(TAGS.pad, this.#sid, nonce)
    const values: Uint8Array[] = []
    const du: Uint8Array[] = []
    const dv: Uint8Array[] = []
    present.forEach((inst, k) => {
      const y = pads(group, key, inst, this.#rows)
      const minusEta = group.negAssign(eta.slice(SCALAR * k, SCALAR * (k + 1)))
      for (let j = 0; j < XI; j++) {
        const bit = bitOf(this.#beta, inst * XI + j)
        for (let m = 0; m < COLUMNS; m++) {
          const from = ((k * XI + j) * COLUMNS + m) * SCALAR
          const term = masked(bit, at.subarray(from, from + SCALAR))
          group.addAssign(y[COLUMNS * j + m] as Uint8Array, term)
          wipe(term)
        }
        const value = checkValue(group, theta, y.slice(COLUMNS * j, COLUMNS * (j + 1)))
        const term = masked(bit, minusEta)
        group.addAssign(value, term)
        wipe(term)
        values.push(value)
      }
      du.push(gadgetSum(group, this.#gadget, y, 0))
      dv.push(gadgetSum(group, this.#gadget, y, 1))
      wipe(...y)
    })
    const expected = muOf(this.#sid, values)
    wipe(key, ...values)
    if (!equalBytes(expected, mu)) {
      wipe(...du, ...dv)
      throw new Fault('RVOLE_CHECK', [sender])
    }
    return { du, dv }
  }

  wipe(): void {
    wipe(this.#beta, this.#rows, ...this.b)
  }
}

function muOf(sid: Uint8Array, values: readonly Uint8Array[]): Uint8Array {
  const all = concat(...values)
  const mu = TH(TAGS.mu, sid, all)
  wipe(all)
  return mu
}

/** Alice. */
export class RvoleSender {
  /** nonce_B, 32 bytes. */
  readonly peerNonce: Uint8Array
  readonly #context: RvoleContext
  readonly #sid: Uint8Array
  readonly #gadget: readonly Uint8Array[]
  readonly #delta: Uint8Array
  readonly #rows: Uint8Array

  private constructor(
    context: RvoleContext,
    nonce: Uint8Array,
    sid: Uint8Array,
    gadget: readonly Uint8Array[],
    delta: Uint8Array,
    rows: Uint8Array,
  ) {
    this.#context = context
    this.peerNonce = nonce
    this.#sid = sid
    this.#gadget = gadget
    this.#delta = delta
    this.#rows = rows
  }

  /**
   * Parses and checks message 1.
   * @throws Fault SIGN_MALFORMED, or OTE_CHECK (the caller must ban), naming the receiver.
   */
  static accept(context: RvoleContext, setup: SenderSetup, message: Uint8Array): RvoleSender {
    const { count, receiver } = context
    assertCount(count)
    const one = blame(receiver, 'SIGN_MALFORMED', () => {
      const decoded = RVOLE_ONE.decode(message)
      if (decoded.u.length !== LAMBDA * columnBytes(count)) throw new RangeError('a matrix of another size')
      return decoded
    })
    const sid = sidOf(context, setup.psid, one.nonce)
    const rows = correlate(setup, sid, one, count, receiver)
    return new RvoleSender(context, one.nonce, sid, gadgetOf(context, setup.psid), Uint8Array.from(setup.delta), rows)
  }

  /**
   * Message 2 over the instances in `present` (ascending), with inputs `u[k]`, `v[k]` for the k-th of them; and Alice's shares c of
   * the products.
   */
  answer(
    present: readonly number[],
    u: readonly Uint8Array[],
    v: readonly Uint8Array[],
    rng: Rng,
  ): { readonly message: Uint8Array; readonly cu: readonly Uint8Array[]; readonly cv: readonly Uint8Array[] } {
    const { group, count } = this.#context
    assertPresent(present, count)
    if (u.length !== present.length || v.length !== present.length) throw new RangeError('two inputs for each present instance')
    const nonce = rng(32)
    const key = TH(TAGS.pad, this.#sid, nonce)
    const other = Uint8Array.from(this.#rows)
    for (let J = 0; J < choiceBytes(count) * 8; J++) xorInto(block(other, J), this.#delta)
    const at = new Uint8Array(present.length * XI * SENT)
    const first: (readonly Uint8Array[])[] = []
    const hats = present.map(() => group.randomScalar(rng))
    present.forEach((inst, k) => {
      const alpha0 = pads(group, key, inst, this.#rows)
      const alpha1 = pads(group, key, inst, other)
      const inputs = [u[k], v[k], hats[k]] as readonly Uint8Array[]
      alpha1.forEach((term, n) => {
        group.negAssign(term)
        group.addAssign(term, alpha0[n] as Uint8Array)
        group.addAssign(term, inputs[n % COLUMNS] as Uint8Array)
        at.set(term, (k * XI * COLUMNS + n) * SCALAR)
      })
      wipe(...alpha1)
      first.push(alpha0)
    })
    const theta = thetas(group, this.#sid, nonce, at)
    const eta = concat(...present.map((_, k) => checkValue(group, theta, [u[k], v[k], hats[k]] as Uint8Array[])))
    const values = first.flatMap((alpha) =>
      this.#gadget.map((_, j) => checkValue(group, theta, alpha.slice(COLUMNS * j, COLUMNS * (j + 1)))),
    )
    const sums = (column: number): readonly Uint8Array[] =>
      first.map((alpha) => group.negAssign(gadgetSum(group, this.#gadget, alpha, column)))
    const result = {
      message: RVOLE_TWO.encode({ nonce, at, eta, mu: muOf(this.#sid, values) }),
      cu: sums(0),
      cv: sums(1),
    }
    wipe(key, other, ...hats, ...values, ...first.flat())
    return result
  }

  wipe(): void {
    wipe(this.#delta, this.#rows)
  }
}

function xorInto(target: Uint8Array, mask: Uint8Array): void {
  for (let i = 0; i < target.length; i++) target[i] = (target[i] as number) ^ (mask[i] as number)
}
