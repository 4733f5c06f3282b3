import { Packr, Unpackr } from 'msgpackr'
import { equalBytes, wipe } from './bytes.ts'

/**
 * Canonical, bounded message bodies: a positional msgpack array whose every field has a type and a bound. Decoding walks the
 * bytes first, copies fields out, then encodes again and compares: each value has exactly one encoding (attacks.md D-05; style.md E11).
 */
export interface Shape<T> {
  readonly form: Form
  /** Throws RangeError unless `value` is of this shape; returns a value that shares no memory with the input. */
  readonly parse: (value: unknown) => T
  /** What is handed to msgpack. */
  readonly plain: (value: T) => unknown
}

/** What a shape allows, as data: tests make from it every wrong message that a schema can tell of (attacks.md 4.14). */
export type Form =
  | { readonly type: 'bytes'; readonly min: number; readonly max: number }
  | { readonly type: 'uint' | 'text'; readonly max: number }
  | { readonly type: 'list'; readonly of: Form; readonly max: number }
  | { readonly type: 'optional'; readonly of: Form }
  | { readonly type: 'struct' | 'union'; readonly of: Readonly<Record<string, Form>> }

export interface Codec<T> {
  readonly form: Form
  readonly encode: (value: T) => Uint8Array
  /** @throws RangeError when the bytes are not the one canonical encoding of a valid value. */
  readonly decode: (bytes: Uint8Array) => T
}

const OPTIONS = { useRecords: false, mapsAsObjects: false, variableMapSize: true, int64AsType: 'bigint' } as const
const packr = new Packr(OPTIONS)
const unpackr = new Unpackr(OPTIONS)

/** Deeper than any message of ours; keeps the recursion of every decoder small (attacks.md D-03). */
const MAX_DEPTH = 8

const fail = (what: string): never => {
  throw new RangeError(what)
}

/**
 * Refuses everything but nil, unsigned integers, doubles, text, bytes and arrays whose lengths fit into the input, before msgpackr
 * sees it: its extensions build regular expressions, errors, cycles and typed arrays from peer bytes (style.md E11, attacks.md D-02).
 */
function assertPlain(input: Uint8Array): void {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength)
  let at = 0
  const skip = (length: number): void => {
    if (length > input.length - at) fail('a length beyond the message')
    at += length
  }
  const length = (width: 1 | 2 | 4): number => {
    const from = at
    skip(width)
    return width === 1 ? view.getUint8(from) : width === 2 ? view.getUint16(from) : view.getUint32(from)
  }
  const elements = (count: number, depth: number): void => {
    if (depth === MAX_DEPTH) fail('nested too deeply')
    for (let i = 0; i < count; i++) value(depth + 1)
  }
  const value = (depth: number): void => {
    const type = length(1)
    if (type < 0x80) return
    if (type >= 0x90 && type < 0xa0) return elements(type - 0x90, depth)
    if (type >= 0xa0 && type < 0xc0) return skip(type - 0xa0)
    switch (type) {
      case 0xc0: // nil
        return
      case 0xc4: // bytes and text
      case 0xd9:
        return skip(length(1))
      case 0xc5:
      case 0xda:
        return skip(length(2))
      case 0xc6:
      case 0xdb:
        return skip(length(4))
      case 0xcc: // unsigned integers and double
        return skip(1)
      case 0xcd:
        return skip(2)
      case 0xce:
        return skip(4)
      case 0xcb:
        return skip(8)
      case 0xdc:
        return elements(length(2), depth)
      case 0xdd:
        return elements(length(4), depth)
      default:
        fail('a type no message has')
    }
  }
  value(0)
  if (at !== input.length) fail('trailing bytes')
}

/** Bytes of exactly `length`, or of at most `max` when given as `{ max }`. */
export function bytes(size: number | { readonly max: number }): Shape<Uint8Array> {
  const { min, max } = typeof size === 'number' ? { min: size, max: size } : { min: 0, max: size.max }
  const fits = (n: number): boolean => n >= min && n <= max
  return {
    form: { type: 'bytes', min, max },
    parse: (value) =>
      value instanceof Uint8Array && fits(value.length) ? new Uint8Array(value) : fail('bytes of another length'),
    plain: (value) => (fits(value.length) ? value : fail('bytes of another length')),
  }
}

/** Integer in 0..max, max < 2^53. */
export function uint(max: number): Shape<number> {
  const check = (value: unknown): number =>
    typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max ? value : fail('integer out of range')
  return { form: { type: 'uint', max }, parse: check, plain: check }
}

/** Text of at most `max` UTF-16 units without lone surrogates. */
export function text(max: number): Shape<string> {
  const check = (value: unknown): string =>
    typeof value === 'string' && value.length <= max && value.isWellFormed() ? value : fail('text out of bounds')
  return { form: { type: 'text', max }, parse: check, plain: check }
}

export function list<T>(shape: Shape<T>, max: number): Shape<readonly T[]> {
  return {
    form: { type: 'list', of: shape.form, max },
    parse: (value) => (Array.isArray(value) && value.length <= max ? value.map(shape.parse) : fail('list too long or no list')),
    plain: (value) => (value.length <= max ? value.map(shape.plain) : fail('list too long')),
  }
}

/** nil or the shape. */
export function optional<T>(shape: Shape<T>): Shape<T | null> {
  return {
    form: { type: 'optional', of: shape.form },
    parse: (value) => (value === null ? null : shape.parse(value)),
    plain: (value) => (value === null ? null : shape.plain(value)),
  }
}

type ValueOf<F> = { readonly [K in keyof F]: F[K] extends Shape<infer T> ? T : never }

const formsOf = (entries: readonly (readonly [string, Pick<Shape<unknown>, 'form'>])[]): Readonly<Record<string, Form>> =>
  Object.fromEntries(entries.map(([name, shape]) => [name, shape.form]))

/** A struct as a positional array, fields in the order written. */
// biome-ignore lint/suspicious/noExplicitAny: a field's own type is recovered by ValueOf; Shape is invariant in it.
export function struct<F extends Readonly<Record<string, Shape<any>>>>(fields: F): Shape<ValueOf<F>> {
  const entries = Object.entries(fields)
  return {
    form: { type: 'struct', of: formsOf(entries) },
    parse: (value) => {
      if (!Array.isArray(value) || value.length !== entries.length) return fail('wrong number of fields')
      const out: Record<string, unknown> = {}
      entries.forEach(([name, shape], i) => {
        out[name] = shape.parse(value[i])
      })
      return out as ValueOf<F>
    },
    plain: (value) => entries.map(([name, shape]) => shape.plain((value as Record<string, unknown>)[name])),
  }
}

type CaseOf<C> = {
  readonly [K in keyof C]: C[K] extends Shape<infer T> ? { readonly type: K; readonly value: T } : never
}[keyof C]

/** One of several shapes, as `[index, value]`; the order written is the wire format. */
// biome-ignore lint/suspicious/noExplicitAny: as in struct.
export function union<C extends Readonly<Record<string, Shape<any>>>>(cases: C): Shape<CaseOf<C>> {
  const names = Object.keys(cases)
  const index = uint(names.length - 1)
  return {
    form: { type: 'union', of: formsOf(Object.entries(cases)) },
    parse: (input) => {
      if (!Array.isArray(input) || input.length !== 2) return fail('no tagged value')
      const type = names[index.parse(input[0])] as keyof C
      return { type, value: (cases[type] as Shape<unknown>).parse(input[1]) } as CaseOf<C>
    },
    plain: ({ type, value }) => [names.indexOf(type as string), (cases[type] as Shape<unknown>).plain(value)],
  }
}

/** Codec of one shape. `maxBytes` is checked before anything is decoded, so a length field cannot make us allocate. */
export function codec<T>(shape: Shape<T>, maxBytes: number): Codec<T> {
  /** `use` gets msgpackr's own pooled buffer, which is wiped afterwards, or shares would stay there. */
  const packed = <R>(value: T, use: (pooled: Uint8Array) => R): R => {
    const pooled = packr.pack(shape.plain(value))
    try {
      return pooled.length <= maxBytes ? use(pooled) : fail('message too long')
    } finally {
      wipe(pooled)
    }
  }
  // A copy: the store behind the pooled one leaks other messages (style.md E10).
  const encode = (value: T): Uint8Array => packed(value, (pooled) => new Uint8Array(pooled))
  return {
    form: shape.form,
    encode,
    decode: (input) => {
      if (input.length > maxBytes) return fail('message too long')
      assertPlain(input)
      // A view of its own: msgpackr leaves a property on what it is given.
      const value = shape.parse(unpackr.unpack(input.subarray()))
      return packed(value, (again) => equalBytes(again, input)) ? value : fail('not the canonical encoding')
    },
  }
}

/** Codec of a struct; see {@link struct} and {@link codec}. */
// biome-ignore lint/suspicious/noExplicitAny: as in struct.
export const message = <F extends Readonly<Record<string, Shape<any>>>>(fields: F, maxBytes: number): Codec<ValueOf<F>> =>
  codec(struct(fields), maxBytes)
