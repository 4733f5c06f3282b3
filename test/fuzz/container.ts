import { bytes, list, message, uint } from '../../src/protocol/engine/codec.ts'

const MAX_PART = 1 << 18

/** An input of several byte strings and a number that chooses among what can be done with them. */
const CONTAINER = message({ mode: uint(255), parts: list(bytes({ max: MAX_PART }), 32) }, 1 << 20)

export interface Container {
  readonly mode: number
  readonly parts: readonly Uint8Array[]
}

export const pack = (mode: number, ...parts: readonly Uint8Array[]): Uint8Array => CONTAINER.encode({ mode, parts })

/** Any bytes are an input: what is no container is the only part, with mode 0. */
export function unpack(input: Uint8Array): Container {
  try {
    return CONTAINER.decode(input)
  } catch {
    return { mode: 0, parts: [input] }
  }
}

export const partOf = ({ parts }: Container, index: number): Uint8Array => parts[index] ?? new Uint8Array(0)

/** Bits of the mode, lowest first. */
export const bit = ({ mode }: Container, index: number): boolean => ((mode >> index) & 1) === 1
