import { bytes, list, message, uint } from '../../src/protocol/engine/codec.ts'
import { readTree, type Tree } from './mutate-msgpack.ts'

const MAX_PART = 1 << 18
const MAX_PARTS = 32

/** An input of several byte strings and a number that chooses among what can be done with them. */
const CONTAINER = message({ mode: uint(255), parts: list(bytes({ max: MAX_PART }), MAX_PARTS) }, 1 << 20)

export interface Container {
  readonly mode: number
  readonly parts: readonly Uint8Array[]
}

export const pack = (mode: number, ...parts: readonly Uint8Array[]): Uint8Array => CONTAINER.encode({ mode, parts })

const leaves = (tree: Tree): readonly Exclude<Tree, { kind: 'list' }>[] =>
  tree.kind === 'list' ? tree.items.flatMap(leaves) : [tree]

/**
 * Any bytes are an input. Of a container that a mutation has bent, the first number is the mode and all byte strings are parts; what is no
 * container at all is the only part.
 */
export function unpack(input: Uint8Array): Container {
  const tree = readTree(input)
  if (tree === null) return { mode: 0, parts: [input] }
  const all = leaves(tree)
  const number = all.find((leaf) => leaf.kind === 'scalar')?.body ?? new Uint8Array(1)
  const parts = all.filter((leaf) => leaf.kind !== 'scalar').map((leaf) => leaf.body)
  return { mode: number.at(-1) ?? 0, parts: parts.slice(0, MAX_PARTS) }
}

export const partOf = ({ parts }: Container, index: number): Uint8Array => parts[index] ?? new Uint8Array(0)

/** Bits of the mode, lowest first. */
export const bit = ({ mode }: Container, index: number): boolean => ((mode >> index) & 1) === 1
