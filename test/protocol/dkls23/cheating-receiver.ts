import { sha256 } from '@noble/hashes/sha2.js'
import type { ReceiverSetup } from '../../../src/protocol/dkls23/pair-record.ts'
import { BLOCK, challenges, columnBytes, LAMBDA } from '../../../src/protocol/dkls23/parameters.ts'
import { RVOLE_ONE, type RvoleContext } from '../../../src/protocol/dkls23/rvole.ts'
import { concat, u8, u16, u32 } from '../../../src/protocol/engine/bytes.ts'
import { TAGS } from '../../../src/protocol/engine/tags.ts'
import { TH } from '../../../src/protocol/engine/transcript.ts'

/** STREAM of the suite, by noble. */
export function stream(key: Uint8Array, length: number): Uint8Array {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, n) => sha256(concat(key, u32(n))))
  return concat(...blocks).subarray(0, length)
}

export const sidOf = (c: RvoleContext, psid: Uint8Array, nonce: Uint8Array): Uint8Array =>
  TH(TAGS.rvoleSid, c.ctx, psid, u16(c.sender), u16(c.receiver), nonce)

export const xor = (a: Uint8Array, b: Uint8Array): Uint8Array => a.map((byte, k) => byte ^ (b[k] as number))

const toInteger = (block: Uint8Array): bigint => block.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)

/** Bit j of a block is the coefficient of x^j; modulo x^128 + x^7 + x^2 + x + 1. */
function product(a: bigint, b: bigint): bigint {
  let sum = 0n
  for (let k = 127n; k >= 0n; k--) {
    sum <<= 1n
    if (sum >> 128n === 1n) sum ^= (1n << 128n) | 0x87n
    if ((b >> k) & 1n) sum ^= a
  }
  return sum
}

/** lin(w) of protocols.md 5.1, by the definition. */
export function lin(chi: Uint8Array, column: Uint8Array): Uint8Array {
  const data = column.subarray(0, column.length - BLOCK)
  let sum = toInteger(column.subarray(data.length))
  for (let at = 0; at < data.length; at += BLOCK) {
    sum ^= product(toInteger(data.subarray(at, at + BLOCK)), toInteger(chi.subarray(at, at + BLOCK)))
  }
  return Uint8Array.from({ length: BLOCK }, (_, k) => Number((sum >> BigInt(8 * k)) & 255n))
}

/** How message 1 deviates. */
export interface Deviation {
  /** What is added to the choices in some columns: there the receiver uses other choices than elsewhere. */
  readonly errors: ReadonlyMap<number, Uint8Array>
  /** Columns with an error in which the receiver bets on Delta_i = 1 and makes the check value fit; elsewhere it bets on 0. */
  readonly ones?: ReadonlySet<number>
}

/** Message 1 of a receiver that knows what it does: U as it likes, X and t made to fit the coefficients that this U gives. */
export class CheatingReceiver {
  readonly #context: RvoleContext
  readonly #sid: Uint8Array
  readonly #nonce: Uint8Array
  readonly #choices: Uint8Array
  readonly #zero: readonly Uint8Array[]
  readonly #one: readonly Uint8Array[]

  constructor(context: RvoleContext, setup: ReceiverSetup, nonce: Uint8Array, choices: Uint8Array) {
    this.#context = context
    this.#sid = sidOf(context, setup.psid, nonce)
    this.#nonce = nonce
    this.#choices = choices
    const columns = (y: number, seeds: Uint8Array): readonly Uint8Array[] =>
      Array.from({ length: LAMBDA }, (_, i) => {
        const seed = seeds.subarray(BLOCK * i, BLOCK * (i + 1))
        return stream(TH(TAGS.prg, this.#sid, u16(i), u8(y), seed), columnBytes(context.count))
      })
    this.#zero = columns(0, setup.seeds0)
    this.#one = columns(1, setup.seeds1)
  }

  message({ errors, ones = new Set() }: Deviation): Uint8Array {
    const u = concat(
      ...this.#one.map((v, i) => {
        const masked = xor(xor(this.#zero[i] as Uint8Array, v), this.#choices)
        const error = errors.get(i)
        return error === undefined ? masked : xor(masked, error)
      }),
    )
    const root = TH(TAGS.otExtensionChi, TH(TAGS.otExtensionMatrix, this.#sid, u))
    const chi = stream(root, BLOCK * challenges(this.#context.count))
    const t = this.#one.map((v, i) => {
      const sum = lin(chi, v)
      return ones.has(i) ? xor(sum, lin(chi, errors.get(i) as Uint8Array)) : sum
    })
    return RVOLE_ONE.encode({ nonce: this.#nonce, u, x: lin(chi, this.#choices), t: concat(...t) })
  }
}
