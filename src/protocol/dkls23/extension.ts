import { equalBytes, u8, u16, wipe } from '../engine/bytes.ts'
import { Fault } from '../engine/fault.ts'
import type { PartyId } from '../engine/party.ts'
import { TAGS } from '../engine/tags.ts'
import { frame, TH } from '../engine/transcript.ts'
import { inKernel, type Kernel } from './kernel/kernel.ts'
import type { ReceiverSetup, SenderSetup } from './pair-record.ts'
import { BLOCK, challenges, columnBytes, LAMBDA, rowBytes } from './parameters.ts'

/** What the receiver sends: U (128 columns), and the consistency check. */
export interface Extension {
  readonly u: Uint8Array
  readonly x: Uint8Array
  readonly t: Uint8Array
}

/** The j-th 16-byte block of a concatenation. */
const block = (bytes: Uint8Array, j: number): Uint8Array => bytes.subarray(BLOCK * j, BLOCK * (j + 1))

/**
 * TH(prg, sid, u16 i, u8 y, seed) before hashing. The seed is hashed together with everything that names it, never XORed with a session id
 * (TOB-BRON-6). Made once, because 256 columns differ in 19 bytes only.
 */
class KeyMessage {
  readonly #bytes: Uint8Array

  constructor(sid: Uint8Array) {
    this.#bytes = frame(TAGS.prg, sid, u16(0), u8(0), new Uint8Array(BLOCK))
  }

  /** The key of column r_{i,y} to place `n` of KEYS. */
  hash(kernel: Kernel, n: number, i: number, y: number, seed: Uint8Array): void {
    // From the end: seed, its u32 length, y, its length, i.
    const end = this.#bytes.length
    this.#bytes.set(seed, end - BLOCK)
    this.#bytes[end - BLOCK - 5] = y
    this.#bytes[end - BLOCK - 10] = i
    kernel.hashTo(kernel.exports.KEYS, 32 * n, this.#bytes)
  }

  wipe(): void {
    wipe(this.#bytes)
  }
}

/** chi_m, m < M, to CHI: public once U, in MASKED, is fixed, so that U cannot be chosen to fit them. */
function makeCoefficients(kernel: Kernel, sid: Uint8Array, count: number): void {
  const { exports } = kernel
  const length = LAMBDA * columnBytes(count)
  kernel.beginHash(TAGS.otExtensionMatrix, [sid], length)
  kernel.hash(exports.MASKED, length)
  kernel.put(exports.KEYS, TH(TAGS.otExtensionChi, kernel.endHash()))
  exports.stream(exports.KEYS.value, exports.CHI.value, BLOCK * challenges(count))
}

/** Rows from the columns in the kernel. */
function takeRows(kernel: Kernel, count: number): Uint8Array {
  kernel.exports.transpose(columnBytes(count))
  return kernel.take(kernel.exports.MASKED, rowBytes(count))
}

/**
 * Step 1 (protocols.md 5.1), the receiver: extends 128 seed pairs to rows T_J under the choices in `choices` (columnBytes long; the last 16
 * bytes are random and hide the others in the check). The caller wipes the rows.
 */
export function extend(
  setup: ReceiverSetup,
  sid: Uint8Array,
  choices: Uint8Array,
  count: number,
): { readonly extension: Extension; readonly rows: Uint8Array } {
  const length = columnBytes(count)
  return inKernel(length, (kernel) => {
    const { exports } = kernel
    const key = new KeyMessage(sid)
    kernel.put(exports.CHOICES, choices)
    try {
      for (let i = 0; i < LAMBDA; i++) {
        key.hash(kernel, 0, i, 0, block(setup.seeds0, i))
        key.hash(kernel, 1, i, 1, block(setup.seeds1, i))
        exports.receiverColumn(i, length)
      }
    } finally {
      key.wipe()
    }
    const u = kernel.take(exports.MASKED, LAMBDA * length)
    makeCoefficients(kernel, sid, count)
    exports.combine(exports.CHOICES.value, length, exports.SUMS.value)
    const x = kernel.take(exports.SUMS, BLOCK)
    exports.combineAll(length)
    const t = kernel.take(exports.SUMS, LAMBDA * BLOCK)
    return { extension: { u, x, t }, rows: takeRows(kernel, count) }
  })
}

/**
 * Step 2 (5.2), the sender: rows Q_J with Q_J = T_J xor choice_J Delta. All 128 columns are compared before anything is decided: where a
 * comparison stopped would tell bits of Delta. The caller wipes the rows.
 * @throws Fault OTE_CHECK naming the receiver; the caller must ban it (protocols.md 7.1).
 */
export function correlate(
  setup: SenderSetup,
  sid: Uint8Array,
  { u, x, t }: Extension,
  count: number,
  receiver: PartyId,
): Uint8Array {
  const length = columnBytes(count)
  return inKernel(length, (kernel) => {
    const { exports } = kernel
    const key = new KeyMessage(sid)
    const expected = Uint8Array.from(t)
    const sums = new Uint8Array(LAMBDA * BLOCK)
    try {
      kernel.put(exports.MASKED, u)
      for (let i = 0; i < LAMBDA; i++) {
        const bit = ((setup.delta[i >> 3] as number) >> (i & 7)) & 1
        key.hash(kernel, 0, i, 1 - bit, block(setup.seeds, i))
        exports.senderColumn(i, length, bit)
        const mine = block(expected, i)
        for (let k = 0; k < BLOCK; k++) mine[k] = (mine[k] as number) ^ ((x[k] as number) & (0 - bit))
      }
      makeCoefficients(kernel, sid, count)
      exports.combineAll(length)
      kernel.copy(exports.SUMS, LAMBDA * BLOCK, sums, 0)
      if (!equalBytes(sums, expected)) throw new Fault('OTE_CHECK', [receiver])
      return takeRows(kernel, count)
    } finally {
      key.wipe()
      wipe(sums, expected)
    }
  })
}
