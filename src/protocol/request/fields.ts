import { hexToBytes } from '@noble/hashes/utils.js'
import { RequestError } from './request-error.ts'
import type { Json } from './strict-json.ts'
import { parseTime } from './time.ts'

/** The members of one object of a document, read by type. Each reader throws RequestError `malformed_request` with a pointer. */
export interface Fields {
  readonly names: readonly string[]
  has(name: string): boolean
  /** The member's value, whatever it is. */
  json(name: string): Json
  /** Text that `rule` accepts; `what` says in the error what was expected. */
  text(name: string, rule: (text: string) => boolean, what: string): string
  choice<const T extends string>(name: string, values: readonly T[]): T
  integer(name: string, min: number, max: number): number
  /** `0x` and an even number of hex digits in either case. */
  bytes(name: string): Uint8Array
  /** RFC 3339 UTC, as milliseconds since the Unix epoch. */
  time(name: string): number
}

const HEX = /^0x(?:[0-9a-fA-F]{2})*$/
/** Names of this form may stand in an error; others could be anything, of any length. */
const QUOTABLE = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/

/** Text that people read: 1..max UTF-16 units, NFC, nothing invisible (controls, bidi overrides, unassigned: attacks.md C-10). */
export const printable =
  (max: number) =>
  (text: string): boolean =>
    text.length > 0 && text.length <= max && /^[^\p{C}\p{Zl}\p{Zp}]*$/u.test(text) && text.normalize('NFC') === text

/**
 * Opens an object that has all of `required`, perhaps some of `optional`, and nothing else (attacks.md D-06). Without these
 * lists the object may have any member whose name is quotable: a flat record.
 * @param pointer where the object stands, '' for the document itself.
 * @throws RequestError `malformed_request`
 */
export function openFields(
  json: Json | undefined,
  pointer: string,
  members?: { readonly required: readonly string[]; readonly optional: readonly string[] },
): Fields {
  const fail = (detail: string, name?: string): never => {
    throw new RequestError('malformed_request', detail, name === undefined ? pointer : `${pointer}/${name}`)
  }
  if (!(json instanceof Map)) return fail('an object is expected')
  const object: ReadonlyMap<string, Json> = json
  const names = [...object.keys()]
  const known = members && [...members.required, ...members.optional]
  for (const name of names) {
    if (!QUOTABLE.test(name)) fail('a member has a name that is not allowed')
    if (known !== undefined && !known.includes(name)) fail('unknown member', name)
  }
  for (const name of members?.required ?? []) if (!object.has(name)) fail('missing member', name)

  const string = (name: string): string => {
    const value = object.get(name)
    return typeof value === 'string' ? value : fail('a string is expected', name)
  }
  return {
    names,
    has: (name) => object.has(name),
    json: (name) => object.get(name) ?? null,
    text: (name, rule, what) => {
      const value = string(name)
      return rule(value) ? value : fail(`${what} is expected`, name)
    },
    choice: (name, values) => {
      const value = string(name)
      return values.find((v) => v === value) ?? fail(`one of ${values.join(', ')} is expected`, name)
    },
    integer: (name, min, max) => {
      const value = object.get(name)
      return typeof value === 'number' && value >= min && value <= max
        ? value
        : fail(`an integer in ${min}..${max} is expected`, name)
    },
    bytes: (name) => {
      const value = string(name)
      return HEX.test(value) ? hexToBytes(value.slice(2)) : fail('0x and hex digits are expected', name)
    },
    time: (name) => parseTime(string(name)) ?? fail('an RFC 3339 time in UTC, such as 2026-01-31T12:00:00Z, is expected', name),
  }
}
