import { type Material, mutateBytes } from './mutate-bytes.ts'
import { mutateMsgpack, readTree } from './mutate-msgpack.ts'
import { mutateText, readText } from './mutate-text.ts'

/** Messages hold frames, frames hold documents, documents hold bytes. */
const MAX_DEPTH = 4

/** One change, in the terms of whatever the bytes turn out to be; now and then one that breaks them. */
function mutateOnce(input: Uint8Array, m: Material, depth: number): Uint8Array {
  const deeper = (body: Uint8Array): Uint8Array => mutateOnce(body, m, depth + 1)
  if (depth < MAX_DEPTH && !m.dice.once(10)) {
    const tree = readTree(input)
    if (tree !== null) return mutateMsgpack(tree, m, deeper)
    const text = readText(input)
    if (text !== null) return mutateText(text, m, deeper)
  }
  return mutateBytes(input, m)
}

/** A mutant of `input`: mostly one change, at times several. */
export function mutate(input: Uint8Array, m: Material, maxLength: number): Uint8Array {
  let out = input
  do out = mutateOnce(out, m, 0)
  while (m.dice.once(3))
  return out.slice(0, maxLength)
}
