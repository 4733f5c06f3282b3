import type { Group } from '../../curve/group.ts'
import { concat, fromHex, u32 } from '../../engine/bytes.ts'
import type { Tag } from '../../engine/tags.ts'
import { frame } from '../../engine/transcript.ts'
import { KERNEL_HEX } from './kernel-module.ts'

/** What of WebAssembly is used: every platform has it, and src/protocol knows none of them. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: unknown }
}

interface Place {
  readonly value: number
}

/** The exports of kernel.as. Places are addresses, lengths are bytes. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly INPUT: Place
  readonly CHI: Place
  readonly CHOICES: Place
  readonly KEYS: Place
  readonly MASKED: Place
  readonly MATRIX: Place
  readonly SUMS: Place
  readonly MODULUS: Place
  readonly ALPHA: Place
  readonly BETA: Place
  readonly DELTA: Place
  readonly GADGET: Place
  readonly PAD_KEY: Place
  readonly ROWS: Place
  readonly SCALARS: Place
  readonly TRANSFERS: Place
  readonly VALUES: Place
  hashBegin(): void
  hashUpdate(from: number, length: number): void
  hashEnd(out: number): void
  stream(key: number, out: number, length: number): void
  receiverColumn(i: number, length: number): void
  senderColumn(i: number, length: number, bit: number): void
  combine(column: number, length: number, out: number): void
  combineAll(length: number): void
  transpose(length: number): void
  startPads(): void
  makeGadget(): void
  setTheta(): void
  checkInputs(): void
  chooseSum(): void
  send(J: number, wide: number): void
  senderValues(): void
  areCanonical(): number
  receive(J: number, wide: number): void
  wipe(length: number): void
}

const DIGEST = 32

/** The kernel's instance of this thread, its memory, and hashing in it. Calls are synchronous: no two users are ever inside. */
export class Kernel {
  readonly exports: Exports
  readonly #memory: Uint8Array

  constructor() {
    this.exports = new WebAssembly.Instance(new WebAssembly.Module(fromHex(KERNEL_HEX))).exports as Exports
    // The memory never grows, so the view stays valid.
    this.#memory = new Uint8Array(this.exports.memory.buffer)
  }

  put(place: Place, bytes: Uint8Array, offset = 0): void {
    this.#memory.set(bytes, place.value + offset)
  }

  /** A copy. */
  take(place: Place, length: number, offset = 0): Uint8Array {
    return this.#memory.slice(place.value + offset, place.value + offset + length)
  }

  /** `length` bytes from `place` into `target`. */
  copy(place: Place, length: number, target: Uint8Array, offset: number): void {
    target.set(this.#memory.subarray(place.value, place.value + length), offset)
  }

  /** Begins TH(tag, ..parts, last), where `last`, of `length` bytes, follows by {@link hash}. */
  beginHash(tag: Tag, parts: readonly Uint8Array[], length: number): void {
    const head = concat(frame(tag, ...parts), u32(length))
    this.exports.hashBegin()
    this.put(this.exports.INPUT, head)
    this.exports.hashUpdate(this.exports.INPUT.value, head.length)
  }

  hash(place: Place, length: number): void {
    this.exports.hashUpdate(place.value, length)
  }

  endHash(): Uint8Array {
    const { INPUT, hashEnd } = this.exports
    hashEnd(INPUT.value)
    return this.take(INPUT, DIGEST)
  }

  /** SHA-256 of at most 256 bytes to `place`. */
  hashTo(place: Place, offset: number, message: Uint8Array): void {
    this.exports.hashBegin()
    this.put(this.exports.INPUT, message)
    this.exports.hashUpdate(this.exports.INPUT.value, message.length)
    this.exports.hashEnd(place.value + offset)
  }

  setModulus(group: Group): void {
    let constants = CONSTANTS.get(group.order)
    if (constants === undefined) {
      constants = constantsOf(group.order)
      CONSTANTS.set(group.order, constants)
    }
    this.put(this.exports.MODULUS, constants)
  }
}

const CONSTANTS = new Map<bigint, Uint8Array>()
const LIMBS = 10
const LIMB_BITS = 26n

/** What scalars.as wants to know of a modulus; all of it public. */
function constantsOf(q: bigint): Uint8Array {
  const R = 1n << (LIMB_BITS * BigInt(LIMBS))
  const limb = 1n << LIMB_BITS
  const elements = [q, 2n * q, 4n * q, 8n * q, (R * R) % q, ((1n << 256n) * R) % q]
  const out = new DataView(new ArrayBuffer((elements.length * LIMBS + 1) * 4))
  elements.forEach((value, n) => {
    for (let i = 0; i < LIMBS; i++) out.setUint32(4 * (n * LIMBS + i), Number((value >> (LIMB_BITS * BigInt(i))) % limb), true)
  })
  out.setUint32(4 * elements.length * LIMBS, Number(negativeInverse(q, limb)), true)
  return new Uint8Array(out.buffer)
}

/** -1/q modulo a power of two, for odd q: each step of Newton's iteration doubles the number of right bits. */
function negativeInverse(q: bigint, modulus: bigint): bigint {
  let inverse = 1n
  for (let bits = 1; bits < 32; bits *= 2) inverse = (inverse * (2n - q * inverse)) % modulus
  return (((modulus - inverse) % modulus) + modulus) % modulus
}

let instance: Kernel | undefined

/**
 * Runs `work` in this thread's kernel, compiled at the first use, and wipes what it left there.
 * @param length of the longest columns that `work` makes, in bytes.
 */
export function inKernel<T>(length: number, work: (kernel: Kernel) => T): T {
  instance ??= new Kernel()
  try {
    return work(instance)
  } finally {
    instance.exports.wipe(length)
  }
}
