import { RequestError } from './request-error.ts'

/** A parsed value. Objects are maps: `__proto__` is an ordinary name there and nothing is inherited (attacks.md C-10). */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject
type JsonObject = ReadonlyMap<string, Json>

const MAX_DEPTH = 8
/** A batch of 256 requests has about 2,000. Megabytes of `{},` are cheap to send and take seconds to read: everybody would wait. */
const MAX_VALUES = 16_384

// The Web's decoder exists in browsers, workers and Node; the ES library types alone do not name it.
declare const TextDecoder: new (
  label: 'utf-8',
  options: { fatal: true; ignoreBOM: true },
) => { decode(bytes: Uint8Array): string }

// `ignoreBOM` means "keep it": a byte order mark stays in the text, where no token begins with it.
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const TOKEN = /[ \t\n\r]*(?:([{}[\],:"])|(-?[0-9][-+.0-9eE]*)|(true|false|null)|$)/y
const INTEGER = /^(?:0|-?[1-9][0-9]*)$/

const refuse = (detail: string): never => {
  throw new RequestError('malformed_request', detail)
}

/**
 * Where the string ends whose contents begin at `from`. Not a pattern: one that skips escapes takes stack for each of them, and a batch
 * of megabytes of them is more than the engine allows. JSON.parse of the token then judges escapes and control characters.
 */
function endOfString(text: string, from: number): number {
  for (let quote = text.indexOf('"', from); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let backslash = quote
    while (text[backslash - 1] === '\\') backslash -= 1
    if ((quote - backslash) % 2 === 0) return quote + 1
  }
  return refuse('not JSON')
}

function string(token: string): string {
  let text: string
  try {
    text = JSON.parse(token) as string
  } catch {
    return refuse('a string holds a control character or an unknown escape')
  }
  return text.isWellFormed() ? text : refuse('a string holds a lone surrogate')
}

/** One spelling per number: 1.0, 1e0, -0 and 01 would read alike here and differ elsewhere (attacks.md D-05). */
function integer(token: string): number {
  const value = Number(token)
  return INTEGER.test(token) && Number.isSafeInteger(value) ? value : refuse('numbers are plain integers below 2^53')
}

/**
 * JSON (RFC 8259) in which every document means one thing to every reader: UTF-8 without byte order mark, no duplicate
 * member names (compared after unescaping), no lone surrogates, plain safe integers only, at most 8 nested containers.
 * White space and member order are free, since signatures cover the bytes and not the value.
 * @throws RequestError `payload_too_large` above `maxBytes` or `maxValues`, otherwise `malformed_request`.
 */
export function parseStrictJson(bytes: Uint8Array, maxBytes: number, maxValues = MAX_VALUES): Json {
  if (bytes.length > maxBytes) throw new RequestError('payload_too_large', `more than ${maxBytes} bytes`)
  let text: string
  try {
    text = UTF8.decode(bytes)
  } catch {
    return refuse('not UTF-8')
  }
  let at = 0
  let values = 0

  /** The next token, '' at the end of the text. */
  const next = (): string => {
    TOKEN.lastIndex = at
    const match = TOKEN.exec(text) ?? refuse('not JSON')
    const start = TOKEN.lastIndex - 1
    at = match[1] === '"' ? endOfString(text, start + 1) : TOKEN.lastIndex
    return match[1] === '"' ? text.slice(start, at) : (match[1] ?? match[2] ?? match[3] ?? '')
  }

  const value = (token: string, depth: number): Json => {
    values += 1
    if (values > maxValues) throw new RequestError('payload_too_large', `more than ${maxValues} values`)
    if (token === '{' || token === '[') {
      // The cap also bounds this recursion (attacks.md D-03).
      if (depth === MAX_DEPTH) return refuse(`nested deeper than ${MAX_DEPTH}`)
      return token === '{' ? object(depth + 1) : array(depth + 1)
    }
    if (token.startsWith('"')) return string(token)
    if (token === 'null') return null
    if (token === 'true' || token === 'false') return token === 'true'
    return /^[-0-9]/.test(token) ? integer(token) : refuse('a value is missing')
  }

  const array = (depth: number): Json[] => {
    const items: Json[] = []
    let token = next()
    if (token === ']') return items
    for (;;) {
      items.push(value(token, depth))
      token = next()
      if (token === ']') return items
      if (token !== ',') return refuse('an array is not closed')
      token = next()
    }
  }

  const object = (depth: number): JsonObject => {
    const members = new Map<string, Json>()
    let token = next()
    if (token === '}') return members
    for (;;) {
      if (!token.startsWith('"')) return refuse('a member name is missing')
      const name = string(token)
      if (members.has(name)) return refuse('a member name stands twice in one object')
      if (next() !== ':') return refuse('a member has no value')
      members.set(name, value(next(), depth))
      token = next()
      if (token === '}') return members
      if (token !== ',') return refuse('an object is not closed')
      token = next()
    }
  }

  const result = value(next(), 0)
  return next() === '' ? result : refuse('something follows the document')
}
