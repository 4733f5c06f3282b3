import { concat, u16, u32 } from '../../src/protocol/engine/bytes.ts'
import type { Dice } from './dice.ts'

/** What a mutation may borrow from. */
export interface Material {
  readonly dice: Dice
  /** Another corpus entry. */
  readonly other: Uint8Array
  readonly dictionary: readonly Uint8Array[]
}

/** Where off-by-one, sign and width mistakes live. */
export const NUMBERS: readonly number[] = [
  0, 1, 2, 3, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 257, 32767, 32768, 65534, 65535, 65536, 0x7fffffff,
  0x80000000, 0xffffffff,
]

const BYTES: readonly number[] = [0, 1, 2, 3, 4, 0x7f, 0x80, 0x90, 0xa0, 0xc0, 0xc4, 0xdc, 0xdd, 0xfe, 0xff]

type Change = (bytes: Uint8Array, m: Material) => Uint8Array

const at = (bytes: Uint8Array, dice: Dice): number => dice.below(bytes.length + 1)

/** Replaces `drop` bytes from `from` on. */
const put = (bytes: Uint8Array, from: number, drop: number, piece: Uint8Array): Uint8Array =>
  concat(bytes.subarray(0, from), piece, bytes.subarray(Math.min(bytes.length, from + drop)))

/** A piece of up to 64 bytes, or now and then of any length. */
function pieceOf(bytes: Uint8Array, dice: Dice): Uint8Array {
  const from = at(bytes, dice)
  return bytes.subarray(from, from + dice.below(dice.once(8) ? bytes.length + 1 : 65))
}

function number(dice: Dice): Uint8Array {
  const value = dice.pick(NUMBERS)
  return value < 256 && dice.once(2) ? Uint8Array.of(value) : value < 65536 && dice.once(2) ? u16(value) : u32(value)
}

function changeByte(bytes: Uint8Array, dice: Dice, change: (byte: number) => number): Uint8Array {
  if (bytes.length === 0) return dice.bytes(1)
  const out = Uint8Array.from(bytes)
  const i = dice.below(out.length)
  out[i] = change(out[i] as number)
  return out
}

const CHANGES: readonly Change[] = [
  (bytes, { dice }) => changeByte(bytes, dice, (byte) => byte ^ (1 << dice.below(8))),
  (bytes, { dice }) => changeByte(bytes, dice, () => dice.pick(BYTES)),
  (bytes, { dice }) => changeByte(bytes, dice, (byte) => byte + dice.below(33) - 16),
  (bytes, { dice }) => changeByte(bytes, dice, () => dice.word()),
  // Lengths and counters: overwritten in place, so that everything behind them stays where it is.
  (bytes, { dice }) => {
    const value = number(dice)
    return put(bytes, at(bytes, dice), value.length, value)
  },
  (bytes, { dice }) => put(bytes, at(bytes, dice), 1 + dice.below(16), new Uint8Array(0)),
  (bytes, { dice }) => put(bytes, at(bytes, dice), 0, pieceOf(bytes, dice)),
  (bytes, { dice }) => put(bytes, at(bytes, dice), 0, dice.bytes(1 + dice.below(16))),
  (bytes, { dice }) => put(bytes, at(bytes, dice), 1 + dice.below(32), new Uint8Array(1 + dice.below(32)).fill(dice.pick(BYTES))),
  (bytes, { dice, dictionary }) => {
    const word = dictionary.length > 0 ? dice.pick(dictionary) : number(dice)
    // Points and scalars stand in rows.
    if (dice.once(2) && word.length > 0)
      return put(bytes, word.length * dice.below(Math.ceil(bytes.length / word.length)), word.length, word)
    return put(bytes, at(bytes, dice), dice.once(2) ? word.length : 0, word)
  },
  (bytes, { dice }) => bytes.slice(0, at(bytes, dice)),
  (bytes, { dice }) => concat(bytes, dice.bytes(1 + dice.below(4))),
  (bytes, { dice, other }) => {
    const piece = pieceOf(other, dice)
    return put(bytes, at(bytes, dice), dice.once(2) ? piece.length : 0, piece)
  },
  (bytes, { dice, other }) => concat(bytes.subarray(0, at(bytes, dice)), other.subarray(at(other, dice))),
]

/** One change that knows nothing of what the bytes mean. */
export const mutateBytes = (bytes: Uint8Array, m: Material): Uint8Array => m.dice.pick(CHANGES)(bytes, m)
