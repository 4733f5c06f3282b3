import { Packr, Unpackr } from 'msgpackr'
import { concat, toHex } from '../../src/protocol/engine/bytes.ts'
import type { Form } from '../../src/protocol/engine/codec.ts'

/** As the codec packs: the mutants differ in what they say, not in how numbers are written. */
const OPTIONS = { useRecords: false, mapsAsObjects: false, variableMapSize: true, int64AsType: 'bigint' } as const
const packr = new Packr(OPTIONS)
const unpackr = new Unpackr(OPTIONS)

export const pack = (plain: unknown): Uint8Array => Uint8Array.from(packr.pack(plain))
const unpack = (bytes: Uint8Array): unknown => unpackr.unpack(Uint8Array.from(bytes))

export interface Mutant {
  /** Which field, and what became of it. */
  readonly what: string
  readonly bytes: Uint8Array
}

/** Lengths of what fields are made of: an entry more or less is a vector of a wrong length (attacks.md D-04). */
const ENTRIES = [1, 16, 32, 33, 64, 66]
const OTHER_TYPES: readonly (readonly [string, unknown])[] = [
  ['nil', null],
  ['a number', 7],
  ['negative', -1],
  ['a fraction', 0.5],
  ['text', 'x'],
  ['bytes', Uint8Array.of(1)],
  ['an empty list', []],
  ['a nested list', [[[]]]],
]

/**
 * Every wrong message that the schema can tell of, one field wrong at a time: wrong length, zero, maximum, one bit, another type, another
 * party's value. Some of them are valid messages all the same; what those do is for the protocol to show.
 * @param others messages of the same form from other parties.
 */
export function mutantsOf(form: Form, bytes: Uint8Array, others: readonly Uint8Array[] = []): readonly Mutant[] {
  const whole = unpack(bytes)
  const seen = new Set([toHex(bytes)])
  const mutants: Mutant[] = []
  const add = (what: string, mutant: Uint8Array): void => {
    const name = toHex(mutant)
    if (!seen.has(name)) mutants.push({ what, bytes: mutant })
    seen.add(name)
  }
  walk(form, whole, others.map(unpack), 'message', (what, value) => add(what, pack(value)))
  add('one byte more', concat(bytes, Uint8Array.of(0)))
  add('one byte less', bytes.slice(0, -1))
  add('nothing', new Uint8Array(0))
  return mutants
}

type Emit = (what: string, value: unknown) => void

/** Calls `emit` with each wrong version of `value`; fields inside are done by the callers' wrapping them again. */
function walk(form: Form, value: unknown, others: readonly unknown[], name: string, emit: Emit): void {
  for (const [what, other] of OTHER_TYPES) if (!sameKind(other, value)) emit(`${name}: ${what}`, other)
  for (const other of others) if (other !== undefined) emit(`${name}: another party's`, other)
  switch (form.type) {
    case 'bytes':
      return walkBytes(form, value as Uint8Array, name, emit)
    case 'uint':
      for (const wrong of [0, form.max, form.max + 1, (value as number) + 1]) emit(`${name}: ${wrong}`, wrong)
      return
    case 'text':
      for (const wrong of ['', `${value}x`, 'x'.repeat(form.max), 'x'.repeat(form.max + 1), 'ä'.repeat(form.max)])
        emit(`${name}: text of ${wrong.length}`, wrong)
      return
    case 'list':
      return walkList(form.of, value as readonly unknown[], others, name, emit)
    case 'optional':
      if (value !== null) {
        emit(`${name}: nothing`, null)
        walk(form.of, value, [], name, emit)
      } else emit(`${name}: something`, sampleOf(form.of))
      return
    case 'struct': {
      const fields = value as readonly unknown[]
      emit(`${name}: one field less`, fields.slice(0, -1))
      emit(`${name}: one field more`, [...fields, null])
      Object.entries(form.of).forEach(([field, inner], i) => {
        const theirs = others.map((o) => (Array.isArray(o) ? o[i] : undefined))
        walk(inner, fields[i], theirs, `${name}.${field}`, (what, wrong) => emit(what, fields.with(i, wrong)))
      })
      return
    }
    case 'union': {
      const [tag, inner] = value as readonly [number, unknown]
      const cases = Object.entries(form.of)
      for (let other = 0; other <= cases.length; other++) emit(`${name}: case ${other}`, [other, inner])
      const [chosen, of] = cases[tag] as (typeof cases)[number]
      const theirs = others.map((o) => (Array.isArray(o) && o[0] === tag ? o[1] : undefined))
      walk(of, inner, theirs, `${name}.${chosen}`, (what, wrong) => emit(what, [tag, wrong]))
    }
  }
}

function walkBytes({ max }: { readonly max: number }, value: Uint8Array, name: string, emit: Emit): void {
  const n = value.length
  emit(`${name}: empty`, new Uint8Array(0))
  emit(`${name}: zero`, new Uint8Array(n))
  emit(`${name}: all ones`, new Uint8Array(n).fill(0xff))
  emit(`${name}: twice`, concat(value, value))
  for (const k of ENTRIES) {
    if (k <= n) emit(`${name}: ${k} bytes less`, value.slice(0, n - k))
    emit(`${name}: ${k} bytes more`, concat(value, value.length >= k ? value.slice(0, k) : new Uint8Array(k)))
  }
  // 2n, where the bound is far away, and the bound itself, where it is near.
  if (max < 4096) emit(`${name}: over its bound`, new Uint8Array(max + 1))
  for (const at of [0, n >> 1, n - 1])
    if (at >= 0 && at < n) emit(`${name}: a bit at ${at}`, value.with(at, (value[at] as number) ^ 1))
}

function walkList(of: Form, value: readonly unknown[], others: readonly unknown[], name: string, emit: Emit): void {
  const n = value.length
  const more = n > 0 ? value : [sampleOf(of)]
  emit(`${name}: none`, [])
  emit(`${name}: one less`, value.slice(0, -1))
  emit(`${name}: one more`, [...value, more[0]])
  emit(`${name}: twice as many`, [...value, ...more])
  emit(
    `${name}: a thousand`,
    Array.from({ length: 1000 }, () => more[0]),
  )
  emit(`${name}: reversed`, value.toReversed())
  for (const i of new Set([0, n - 1])) {
    if (i < 0 || i >= n) continue
    const theirs = others.map((o) => (Array.isArray(o) ? o[i] : undefined))
    walk(of, value[i], theirs, `${name}[${i}]`, (what, wrong) => emit(what, value.with(i, wrong)))
  }
}

/** Whether `a` would be a wrong value and not a wrong type in the place of `b`; those the field's own mutations cover. */
const sameKind = (a: unknown, b: unknown): boolean => {
  if (a instanceof Uint8Array || b instanceof Uint8Array) return a instanceof Uint8Array && b instanceof Uint8Array
  return typeof a === 'string' && typeof b === 'string'
}

/** The plain form of some value of a form: what an honest run has no example of. */
export function sampleOf(form: Form): unknown {
  switch (form.type) {
    case 'bytes':
      return new Uint8Array(form.min === form.max ? form.min : Math.min(form.max, 40)).fill(0x5a)
    case 'uint':
      return Math.min(form.max, 1)
    case 'text':
      return 'x'.repeat(Math.min(form.max, 4))
    case 'list':
      return [sampleOf(form.of), sampleOf(form.of)]
    case 'optional':
      return sampleOf(form.of)
    case 'struct':
      return Object.values(form.of).map(sampleOf)
    case 'union':
      return [0, sampleOf(Object.values(form.of)[0] as Form)]
  }
}

/** How often each mutant of a long list is tried: the n-th of every `every`, so that all fields still have their turn. */
export const sampled = <T>(all: readonly T[], every: number, from = 0): readonly T[] =>
  all.filter((_, i) => i % every === from % every)
