import type { Group } from '../curve/group.ts'
import { equalBytes, type Rng, u16, wipe } from '../engine/bytes.ts'
import { bytes, message } from '../engine/codec.ts'
import { blame, Fault } from '../engine/fault.ts'
import type { PartyId } from '../engine/party.ts'
import { TAGS } from '../engine/tags.ts'
import { TH } from '../engine/transcript.ts'
import { correlate, extend } from './extension.ts'
import { chosenSums, type Direction, gadgetOf, receive, rootOf, send, TRANSFER } from './multiplication.ts'
import type { ReceiverSetup, SenderSetup } from './pair-record.ts'
import { assertCount, BLOCK, columnBytes, LAMBDA, MAX_MULTIPLICATIONS } from './parameters.ts'

const SCALAR = 32
const MAX_U = LAMBDA * columnBytes(MAX_MULTIPLICATIONS)
const MAX_AT = MAX_MULTIPLICATIONS * TRANSFER

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

function directionOf(c: RvoleContext, psid: Uint8Array, nonce: Uint8Array): Direction {
  const sid = TH(TAGS.rvoleSid, c.ctx, psid, u16(c.sender), u16(c.receiver), nonce)
  return { group: c.group, sid, gadget: gadgetOf(c.group, c.suite, psid) }
}

function assertPresent(present: readonly number[], count: number): void {
  if (present.some((inst, k) => !Number.isInteger(inst) || inst >= count || inst <= (present[k - 1] ?? -1))) {
    throw new RangeError('present instances must ascend within the batch')
  }
}

/** Bob. Draws beta; `b[inst]` are his random inputs (chi of protocols.md 6.2). */
export class RvoleReceiver {
  /** Message 1, for the sender. */
  readonly message: Uint8Array
  /** nonce_B, 32 bytes. */
  readonly nonce: Uint8Array
  /** One scalar for each instance; wiped by {@link wipe}. */
  readonly b: readonly Uint8Array[]
  readonly #context: RvoleContext
  readonly #direction: Direction
  readonly #choices: Uint8Array
  readonly #rows: Uint8Array
  #open = true

  constructor(context: RvoleContext, setup: ReceiverSetup, rng: Rng) {
    const { count } = context
    assertCount(count)
    this.#context = context
    this.nonce = rng(32)
    this.#direction = directionOf(context, setup.psid, this.nonce)
    this.#choices = rng(columnBytes(count))
    const { extension, rows } = extend(setup, this.#direction.sid, this.#choices, count)
    this.#rows = rows
    this.message = RVOLE_ONE.encode({ nonce: this.nonce, ...extension })
    this.b = chosenSums(this.#direction, this.#choices, count)
  }

  /**
   * Message 2 over the instances in `present` (ascending): Bob's shares d of the products; index k is the k-th present instance. Once only.
   * @throws Fault SIGN_MALFORMED, or RVOLE_CHECK (the caller must ban), naming the sender.
   */
  finish(
    message: Uint8Array,
    present: readonly number[],
  ): { readonly du: readonly Uint8Array[]; readonly dv: readonly Uint8Array[] } {
    const { sender, count } = this.#context
    assertPresent(present, count)
    if (!this.#open) throw new Error('this multiplication has ended')
    this.#open = false
    const { two, root } = blame(sender, 'SIGN_MALFORMED', () => {
      const decoded = RVOLE_TWO.decode(message)
      if (decoded.at.length !== present.length * TRANSFER) throw new RangeError('another number of transfers')
      if (decoded.eta.length !== present.length * SCALAR) throw new RangeError('another number of check values')
      return { two: decoded, root: rootOf(this.#direction, decoded) }
    })
    const { mu, d } = receive(this.#direction, this.#rows, this.#choices, present, two, root)
    if (!equalBytes(mu, two.mu)) {
      wipe(...d.u, ...d.v)
      throw new Fault('RVOLE_CHECK', [sender])
    }
    return { du: d.u, dv: d.v }
  }

  wipe(): void {
    this.#open = false
    wipe(this.#choices, this.#rows, ...this.b)
  }
}

/** Alice. */
export class RvoleSender {
  /** nonce_B, 32 bytes. */
  readonly peerNonce: Uint8Array
  readonly #context: RvoleContext
  readonly #direction: Direction
  readonly #delta: Uint8Array
  readonly #rows: Uint8Array
  #open = true

  private constructor(context: RvoleContext, direction: Direction, nonce: Uint8Array, delta: Uint8Array, rows: Uint8Array) {
    this.#context = context
    this.#direction = direction
    this.peerNonce = nonce
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
    const direction = directionOf(context, setup.psid, one.nonce)
    const rows = correlate(setup, direction.sid, one, count, receiver)
    return new RvoleSender(context, direction, one.nonce, Uint8Array.from(setup.delta), rows)
  }

  /**
   * Message 2 over the instances in `present` (ascending), with inputs `u[k]`, `v[k]` for the k-th of them; and Alice's shares c of
   * the products. Once only: two messages would differ by a difference of inputs if their pads were ever equal.
   */
  answer(
    present: readonly number[],
    u: readonly Uint8Array[],
    v: readonly Uint8Array[],
    rng: Rng,
  ): { readonly message: Uint8Array; readonly cu: readonly Uint8Array[]; readonly cv: readonly Uint8Array[] } {
    assertPresent(present, this.#context.count)
    if (u.length !== present.length || v.length !== present.length) throw new RangeError('two inputs for each present instance')
    if (!this.#open) throw new Error('this multiplication has ended')
    this.#open = false
    const { c, ...two } = send(this.#direction, this.#delta, this.#rows, present, { u, v }, rng)
    return { message: RVOLE_TWO.encode(two), cu: c.u, cv: c.v }
  }

  wipe(): void {
    this.#open = false
    wipe(this.#delta, this.#rows)
  }
}
