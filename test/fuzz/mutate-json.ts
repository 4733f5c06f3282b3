import type { Dice } from './dice.ts'

/** A JSON value that mutations can change and still be JSON; unlike an object it can have a member twice. */
export type JsonTree =
  | { readonly kind: 'leaf'; text: string }
  | { readonly kind: 'array'; items: JsonTree[] }
  | { readonly kind: 'object'; members: [name: string, value: JsonTree][] }

/** null for text that is no JSON. */
export function readJsonTree(text: string): JsonTree | null {
  const of = (value: unknown): JsonTree => {
    if (Array.isArray(value)) return { kind: 'array', items: value.map(of) }
    if (typeof value !== 'object' || value === null) return { kind: 'leaf', text: JSON.stringify(value) }
    return { kind: 'object', members: Object.entries(value).map(([name, member]) => [name, of(member)]) }
  }
  try {
    return of(JSON.parse(text))
  } catch {
    return null
  }
}

export function writeJsonTree(tree: JsonTree): string {
  if (tree.kind === 'leaf') return tree.text
  if (tree.kind === 'array') return `[${tree.items.map(writeJsonTree).join(',')}]`
  return `{${tree.members.map(([name, value]) => `${JSON.stringify(name)}:${writeJsonTree(value)}`).join(',')}}`
}

const all = (tree: JsonTree): JsonTree[] => [
  tree,
  ...(tree.kind === 'array'
    ? tree.items.flatMap(all)
    : tree.kind === 'object'
      ? tree.members.flatMap(([, value]) => all(value))
      : []),
]

export interface JsonMaterial {
  readonly dice: Dice
  readonly other: JsonTree | null
  /** A token that may be anything. */
  readonly word: () => string
  /** Changes the text of a string, number or literal. */
  readonly changeLeaf: (text: string) => string
}

const leafOf = (word: string): JsonTree => {
  const text = word.trim()
  return readJsonTree(text) ?? { kind: 'leaf', text: JSON.stringify(word) }
}

/** One change to a value as a value: members, items, leaves. */
export function mutateJson(tree: JsonTree, { dice, other, word, changeLeaf }: JsonMaterial): string {
  const node = dice.pick(all(tree))
  const piece = (): JsonTree => (other !== null && dice.once(2) ? structuredClone(dice.pick(all(other))) : leafOf(word()))
  if (node.kind === 'leaf') node.text = dice.once(3) ? writeJsonTree(piece()) : changeLeaf(node.text)
  else if (node.kind === 'array') changeItems(node.items, dice, piece)
  else changeMembers(node.members, dice, piece, word)
  return writeJsonTree(tree)
}

function changeItems(items: JsonTree[], dice: Dice, piece: () => JsonTree): void {
  const i = dice.below(items.length)
  const item = items[i]
  const act = dice.below(4)
  if (act === 0 || item === undefined) items.splice(i, 0, piece())
  else if (act === 1) items.splice(i, 1)
  else if (act === 2) items.splice(i, 0, structuredClone(item))
  else items[i] = piece()
}

function changeMembers(members: [string, JsonTree][], dice: Dice, piece: () => JsonTree, word: () => string): void {
  const i = dice.below(members.length)
  const member = members[i]
  const act = dice.below(6)
  if (act === 0 || member === undefined) members.splice(i, 0, [word().replaceAll('"', ''), piece()])
  else if (act === 1) members.splice(i, 1)
  else if (act === 2) members.push([member[0], structuredClone(member[1])])
  else if (act === 3) member[0] = word().replaceAll('"', '')
  else if (act === 4) member[1] = piece()
  else member[1] = structuredClone((members[dice.below(members.length)] as [string, JsonTree])[1])
}
