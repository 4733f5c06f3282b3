import { concat, u8, u16, u32 } from '../../src/protocol/engine/bytes.ts'
import type { Dice } from './dice.ts'
import { type Material, NUMBERS } from './mutate-bytes.ts'

/** A message body as a tree that mutations can change without breaking all lengths around the change. */
export type Tree = { readonly kind: 'scalar' | 'bytes' | 'text'; body: Uint8Array; wide?: boolean } | List
interface List {
  readonly kind: 'list'
  items: Tree[]
  wide?: boolean
}

const MAX_NODES = 4096
const NIL = 0xc0

/** The tree of the msgpack that messages are made of; null for other bytes. */
export function readTree(input: Uint8Array): Tree | null {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength)
  let at = 0
  let nodes = 0
  const take = (length: number): Uint8Array => {
    if (length > input.length - at) throw new RangeError('too short')
    at += length
    return input.slice(at - length, at)
  }
  const length = (width: 1 | 2 | 4): number => {
    take(width)
    return width === 1 ? view.getUint8(at - 1) : width === 2 ? view.getUint16(at - 2) : view.getUint32(at - 4)
  }
  const list = (count: number): Tree => ({ kind: 'list', items: Array.from({ length: Math.min(count, MAX_NODES) }, node) })
  const scalar = (from: number, width: number): Tree => {
    take(width)
    return { kind: 'scalar', body: input.slice(from, at) }
  }
  const node = (): Tree => {
    if (++nodes > MAX_NODES) throw new RangeError('too large')
    const from = at
    const type = length(1)
    if (type < 0x80 || type === NIL) return scalar(from, 0)
    if (type >= 0x90 && type < 0xa0) return list(type - 0x90)
    if (type >= 0xa0 && type < 0xc0) return { kind: 'text', body: take(type - 0xa0) }
    if (type >= 0xc4 && type <= 0xc6) return { kind: 'bytes', body: take(length((1 << (type - 0xc4)) as 1 | 2 | 4)) }
    if (type >= 0xd9 && type <= 0xdb) return { kind: 'text', body: take(length((1 << (type - 0xd9)) as 1 | 2 | 4)) }
    if (type === 0xdc || type === 0xdd) return list(length(type === 0xdc ? 2 : 4))
    if (type === 0xcb || (type >= 0xcc && type <= 0xcf)) return scalar(from, type === 0xcb ? 8 : 1 << (type - 0xcc))
    throw new RangeError('another type')
  }
  try {
    const tree = node()
    return at === input.length && tree.kind === 'list' ? tree : null
  } catch {
    return null
  }
}

/** Shortest headers, except for nodes marked `wide`: a second encoding of the same value, which canonical decoders refuse. */
export function writeTree(tree: Tree): Uint8Array {
  if (tree.kind === 'scalar') return tree.body
  if (tree.kind === 'list') {
    const { length } = tree.items
    const head =
      length < 16 && tree.wide !== true
        ? u8(0x90 + length)
        : length < 65536
          ? concat(u8(0xdc), u16(length))
          : concat(u8(0xdd), u32(length))
    return concat(head, ...tree.items.map(writeTree))
  }
  const { length } = tree.body
  const [fix, one] = tree.kind === 'text' ? [0xa0, 0xd9] : [undefined, 0xc4]
  if (fix !== undefined && length < 32 && tree.wide !== true) return concat(u8(fix + length), tree.body)
  if (length < 256 && tree.wide !== true) return concat(u8(one), u8(length), tree.body)
  return length < 65536 ? concat(u8(one + 1), u16(length), tree.body) : concat(u8(one + 2), u32(length), tree.body)
}

/** As messages encode it: the shortest form. */
function integer(value: number): Uint8Array {
  if (value < 128) return u8(value)
  if (value < 256) return concat(u8(0xcc), u8(value))
  if (value < 65536) return concat(u8(0xcd), u16(value))
  if (value < 2 ** 32) return concat(u8(0xce), u32(value))
  const double = new DataView(new ArrayBuffer(9))
  double.setUint8(0, 0xcb)
  double.setFloat64(1, value)
  return new Uint8Array(double.buffer)
}

const SCALARS: readonly Uint8Array[] = [
  u8(NIL),
  ...[...NUMBERS, 2 ** 32, Number.MAX_SAFE_INTEGER, 2 ** 53, -1, 0.5, Number.NaN].map(integerOrDouble),
  // Other encodings of 1, true, an empty map, an extension.
  Uint8Array.of(0xcc, 1),
  Uint8Array.of(0xce, 0, 0, 0, 1),
  Uint8Array.of(0xc3),
  Uint8Array.of(0x80),
  Uint8Array.of(0xd4, 0x52, 1),
]

function integerOrDouble(value: number): Uint8Array {
  return Number.isInteger(value) && value >= 0 ? integer(value) : integer(2 ** 32).with(1, value < 0 ? 0xbf : 0x7f)
}

function allNodes(tree: Tree): Tree[] {
  return tree.kind === 'list' ? [tree, ...tree.items.flatMap(allNodes)] : [tree]
}

const LENGTHS = [0, 1, 15, 16, 31, 32, 33, 63, 64, 65, 96, 255, 256, 4096]

function resized(body: Uint8Array, dice: Dice): Uint8Array {
  const length = dice.once(2) ? Math.max(0, body.length + dice.below(3) - 1) : dice.pick(LENGTHS)
  return concat(
    body.subarray(0, length),
    dice.once(2) ? new Uint8Array(Math.max(0, length - body.length)) : dice.bytes(Math.max(0, length - body.length)),
  )
}

function changeList(list: List, dice: Dice, piece: () => Tree): void {
  const { items } = list
  const i = dice.below(items.length)
  const item = items[i]
  const act = dice.below(6)
  if (act === 0 || item === undefined) items.splice(i, 0, piece())
  else if (act === 1) items.splice(i, 1)
  else if (act === 2) items.splice(i, 0, structuredClone(item))
  else if (act === 3) items.splice(i, 1, items[dice.below(items.length)] as Tree)
  else if (act === 4) items.splice(i, 1, { kind: 'list', items: [item] })
  else items.splice(i, 1, piece())
}

/**
 * One change to a message as a message: fields, lists and lengths, with everything around kept whole.
 * @param deeper changes what a field holds, which may be a message or a document itself.
 */
export function mutateMsgpack(tree: Tree, m: Material, deeper: (body: Uint8Array) => Uint8Array): Uint8Array {
  const { dice } = m
  const node = dice.pick(allNodes(tree))
  const piece = (): Tree => {
    const other = readTree(m.other)
    if (other === null || dice.once(3)) return { kind: 'scalar', body: dice.pick(SCALARS) }
    return structuredClone(dice.pick(allNodes(other)))
  }
  if (dice.once(16))
    node.kind === 'scalar' ? Object.assign(node, { body: dice.pick(SCALARS) }) : Object.assign(node, { wide: true })
  else if (node.kind === 'list') changeList(node, dice, piece)
  else if (node.kind === 'scalar') node.body = dice.once(2) ? dice.pick(SCALARS) : integer(dice.pick(NUMBERS))
  else if (dice.once(3)) node.body = resized(node.body, dice)
  else if (dice.once(8)) Object.assign(node, { kind: node.kind === 'text' ? 'bytes' : 'text' })
  else node.body = deeper(node.body)
  return writeTree(tree)
}
