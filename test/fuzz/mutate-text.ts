import type { Dice } from './dice.ts'
import type { Material } from './mutate-bytes.ts'
import { mutateJson, readJsonTree } from './mutate-json.ts'

/** Strings, numbers, names and marks of JSON; whatever lies between is one token too. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|[a-z]+|[{}[\],:]|\s+|[\s\S]/g
const MAX_TEXT = 1 << 18

const WORDS: readonly string[] = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '""',
  '{}',
  '[]',
  'null',
  'true',
  '0',
  '-0',
  '1.0',
  '1e3',
  '01',
  '9007199254740993',
  '-1',
  '"__proto__"',
  '"constructor"',
  '"toString"',
  '"\\u0000"',
  '"\\ud800"',
  '"\\u202e"',
  '"\\u0041"',
  '"e\u0301"',
  '"\u{1f600}"',
  '" "',
  '"0x"',
  '"0x00"',
  '"2026-02-30T00:00:00Z"',
  '"2026-01-31T12:00:00.000Z"',
  '\ufeff',
  '\u2028',
  '/**/',
]

const utf8 = new TextEncoder()

/** The text that the bytes stand for, if they look like JSON. */
export function readText(bytes: Uint8Array): string | null {
  if (bytes.length > MAX_TEXT || (bytes[0] !== 0x7b && bytes[0] !== 0x5b)) return null
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return null
  }
}

/** Base64url that holds JSON: a document inside a request. */
function inner(token: string): Uint8Array | null {
  if (token.length < 16 || !/^"[A-Za-z0-9_-]+"$/.test(token)) return null
  const bytes = Uint8Array.from(Buffer.from(token.slice(1, -1), 'base64url'))
  return readText(bytes) === null ? null : bytes
}

function changedString(token: string, dice: Dice): string {
  const text = token.slice(1, -1)
  const i = dice.below(text.length + 1)
  const act = dice.below(5)
  if (act === 0) return `"${text.slice(0, i)}${text.slice(i + 1)}"`
  if (act === 1) return `"${text.slice(0, i)}${dice.pick(['0', 'g', 'A', '-', ' ', '\\n', '\u00e9', '\\u0041'])}${text.slice(i)}"`
  if (act === 2) return `"${text.slice(0, i)}${dice.pick(['0', 'f', 'Z', '_'])}${text.slice(i + 1)}"`
  if (act === 3) return `"${text}${text}"`
  return `"${text.toUpperCase()}"`
}

/** A document inside the string is changed as a document, anything else as characters. */
function changedLeaf(token: string, dice: Dice, deeper: (body: Uint8Array) => Uint8Array): string {
  const document = inner(token)
  if (document !== null && !dice.once(4)) return `"${Buffer.from(deeper(document)).toString('base64url')}"`
  if (token.startsWith('"')) return changedString(token, dice)
  return /^-?[0-9]/.test(token) ? String(Number(token) + dice.below(5) - 2) : dice.pick(WORDS)
}

/**
 * One change to JSON: mostly to its members and values, else to its tokens, which may break it.
 * @param deeper changes a document inside a string.
 */
export function mutateText(text: string, m: Material, deeper: (body: Uint8Array) => Uint8Array): Uint8Array {
  const { dice } = m
  const other = readText(m.other)
  const others = other?.match(TOKEN) ?? []
  const word = (): string => {
    if (others.length > 0 && dice.once(2)) return dice.pick(others)
    if (m.dictionary.length === 0 || dice.once(2)) return dice.pick(WORDS)
    const entry = Buffer.from(dice.pick(m.dictionary)).toString()
    return dice.once(2) ? JSON.stringify(entry) : entry
  }
  const tree = dice.once(4) ? null : readJsonTree(text)
  if (tree !== null) {
    const changeLeaf = (leaf: string): string => changedLeaf(leaf, dice, deeper)
    return utf8.encode(mutateJson(tree, { dice, other: other === null ? null : readJsonTree(other), word, changeLeaf }))
  }
  const tokens = text.match(TOKEN) ?? []
  const i = dice.below(tokens.length)
  const act = dice.below(7)
  if (act === 0) tokens.splice(i, 1 + dice.below(4))
  else if (act === 1) tokens.splice(i, 0, ...tokens.slice(i, i + 1 + dice.below(4)))
  else if (act === 2) tokens.splice(i, 0, word())
  else if (act === 3) tokens[i] = word()
  else if (act === 4) tokens[i] = tokens[dice.below(tokens.length)] ?? ''
  else tokens[i] = changedLeaf(tokens[i] ?? '', dice, deeper)
  return utf8.encode(tokens.join(''))
}
