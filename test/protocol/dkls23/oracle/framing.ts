import { integer, join, toInteger } from './hashing.ts'

/** Message bodies of byte strings only: a msgpack array whose fields take the shortest of bin 8, bin 16 and bin 32. */

const FORMS = [
  { type: 0xc4, width: 1 },
  { type: 0xc5, width: 2 },
  { type: 0xc6, width: 4 },
] as const

const shortest = (length: number): (typeof FORMS)[number] => (length < 256 ? FORMS[0] : length < 65_536 ? FORMS[1] : FORMS[2])

const field = (bytes: Uint8Array): Uint8Array => {
  const { type, width } = shortest(bytes.length)
  return join(Uint8Array.of(type), integer(bytes.length, width), bytes)
}

/** At most 15 fields. */
export const pack = (...fields: readonly Uint8Array[]): Uint8Array =>
  join(Uint8Array.of(0x90 + fields.length), ...fields.map(field))

/** @throws RangeError unless the bytes are what {@link pack} makes of `count` fields. */
export function unpack(bytes: Uint8Array, count: number): readonly Uint8Array[] {
  const wrong = (): never => {
    throw new RangeError('not a message')
  }
  if (bytes[0] !== 0x90 + count) wrong()
  const fields: Uint8Array[] = []
  let at = 1
  while (fields.length < count) {
    const form = FORMS.find(({ type }) => type === bytes[at]) ?? wrong()
    const head = at + 1 + form.width
    const length = Number(toInteger(bytes.slice(at + 1, head)))
    if (head > bytes.length || length > bytes.length - head || shortest(length) !== form) wrong()
    fields.push(bytes.slice(head, head + length))
    at = head + length
  }
  return at === bytes.length ? fields : wrong()
}
