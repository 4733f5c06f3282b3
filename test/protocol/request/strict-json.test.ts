import { utf8ToBytes } from '@noble/hashes/utils.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RequestError } from '../../../src/protocol/request/request-error.ts'
import { type Json, parseStrictJson } from '../../../src/protocol/request/strict-json.ts'
import { expectRefusal } from './fixtures.ts'

const LIMIT = 1024
const parse = (text: string): Json => parseStrictJson(utf8ToBytes(text), LIMIT)
const parseBytes = (...bytes: number[]): Json => parseStrictJson(Uint8Array.from(bytes), LIMIT)

/** Plain JavaScript values of a parse, to compare with JSON.parse. */
function plain(value: Json): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([name, member]) => [name, plain(member)]))
  return Array.isArray(value) ? value.map(plain) : value
}

describe('strict JSON takes', () => {
  it.each([
    ['{}', {}],
    ['[]', []],
    [' \t\r\n{ "a" : [ 1 , -2,0 ] ,\n"b":null } \n', { a: [1, -2, 0], b: null }],
    ['"\\u0041\\n\\/\\\\\\"\\ud83d\\ude00"', 'A\n/\\"😀'],
    ['"é😀\u2028"', 'é😀\u2028'],
    ['true', true],
    ['false', false],
    ['9007199254740991', 2 ** 53 - 1],
    ['-9007199254740991', -(2 ** 53 - 1)],
    ['[[[[[[[[]]]]]]]]', [[[[[[[[]]]]]]]]],
  ])('%j', (text, value) => {
    expect(plain(parse(text))).toEqual(value)
  })

  it('a document of exactly the bound', () => {
    const bytes = utf8ToBytes(`"${'x'.repeat(LIMIT - 2)}"`)
    expect(parseStrictJson(bytes, LIMIT)).toHaveLength(LIMIT - 2)
    expectRefusal(() => parseStrictJson(bytes, LIMIT - 1), 'payload_too_large')
  })

  it('whatever JSON.stringify makes of plain data, with the same meaning', () => {
    const leaf = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.maxSafeInteger().filter((n) => !Object.is(n, -0)),
      fc.boolean(),
      fc.constant(null),
    )
    const data = fc.oneof(
      leaf,
      fc.array(leaf),
      fc.dictionary(fc.string(), fc.oneof(leaf, fc.array(leaf)), { noNullPrototype: true }),
    )
    fc.assert(
      fc.property(data, fc.constantFrom(undefined, 1, '\t'), (value, space) => {
        const text = JSON.stringify(value, null, space)
        expect(plain(parseStrictJson(utf8ToBytes(text), 2 ** 20))).toEqual(JSON.parse(text))
      }),
    )
  })
})

describe('D-05, C-10 strict JSON refuses', () => {
  it.each([
    ['D-05 duplicate names', '{"a":1,"a":1}'],
    ['D-05 names equal after unescaping', '{"a":1,"\\u0061":1}'],
    ['D-05 duplicate names in an inner object', '[{"b":{},"c":0,"b":{}}]'],
    ['D-05 trailing bytes', '{} {}'],
    ['D-05 a trailing NUL', '{}\u0000'],
    ['D-05 leading zero', '01'],
    ['D-05 minus zero', '-0'],
    ['D-05 exponent', '1e3'],
    ['D-05 exponent with sign', '1E+3'],
    ['D-05 fraction', '1.5'],
    ['D-05 fraction of zero', '1.0'],
    ['C-10 integer beyond 2^53', '9007199254740992'],
    ['C-10 huge integer', '1'.repeat(1000)],
    ['C-10 lone high surrogate', '"\\ud800"'],
    ['C-10 lone low surrogate', '"a\\udc00b"'],
    ['C-10 surrogates in the wrong order', '"\\udc00\\ud800"'],
    ['C-10 lone surrogate in a name', '{"\\ud800":1}'],
    ['D-03 nine arrays', '[[[[[[[[[]]]]]]]]]'],
    ['D-03 nine objects', `${'{"a":'.repeat(9)}1${'}'.repeat(9)}`],
    ['empty input', ''],
    ['white space only', ' \n'],
    ['byte order mark', '\ufeff{}'],
    ['no-break space', '\u00a0{}'],
    ['form feed', '\f{}'],
    ['plus sign', '+1'],
    ['lone minus', '-'],
    ['two minuses', '--1'],
    ['hexadecimal', '0x10'],
    ['NaN', 'NaN'],
    ['Infinity', '-Infinity'],
    ['undefined', 'undefined'],
    ['upper-case literal', 'True'],
    ['literals run together', 'truefalse'],
    ['single quotes', "{'a':1}"],
    ['unquoted name', '{a:1}'],
    ['a number as name', '{1:1}'],
    ['trailing comma in an object', '{"a":1,}'],
    ['trailing comma in an array', '[1,]'],
    ['leading comma', '[,1]'],
    ['missing comma', '[1 2]'],
    ['missing colon', '{"a" 1}'],
    ['missing value', '{"a":}'],
    ['colon in an array', '["a":1]'],
    ['open object', '{"a":1'],
    ['open array', '[1'],
    ['open string', '"abc'],
    ['string ending in a backslash', '"abc\\"'],
    ['wrong bracket', '[1}'],
    ['comment', '{}//'],
    ['newline in a string', '"a\nb"'],
    ['control character in a string', '"a\u0001b"'],
    ['escaped newline in a string', '"a\\\nb"'],
    ['unknown escape', '"\\x41"'],
    ['short unicode escape', '"\\u12"'],
    ['braced unicode escape', '"\\u{41}"'],
  ])('%s', (_name, text) => {
    const error = expectRefusal(() => parse(text), 'malformed_request')
    expect(error.message.length).toBeLessThan(100)
  })

  it.each([
    ['a stray continuation byte', [0x22, 0x80, 0x22]],
    ['an overlong quote', [0xc0, 0xa2]],
    ['an encoded surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ['beyond U+10FFFF', [0x22, 0xf4, 0x90, 0x80, 0x80, 0x22]],
    ['a cut character', [0x22, 0xe2, 0x82]],
    ['UTF-16', [0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]],
    ['a byte order mark', [0xef, 0xbb, 0xbf, 0x7b, 0x7d]],
  ])('bytes that are not UTF-8 JSON: %s', (_name, bytes) => {
    expectRefusal(() => parseBytes(...bytes), 'malformed_request')
    // The decoder is shared: a bad input must not colour the next one (attacks.md C-07).
    expect(parse('"é"')).toBe('é')
  })

  it('strings as long as the longest body, full of escapes, quotes and backslashes, in time that grows with them', () => {
    const length = 8 << 20
    for (const unit of ['\\n', '\\"', '\\\\', 'a', '\\u0041']) {
      const text = `["${unit.repeat(length / unit.length - 1)}"]`
      expect(parseStrictJson(utf8ToBytes(text), length + 16)).toEqual(JSON.parse(text))
      expect(() => parseStrictJson(utf8ToBytes(text.slice(0, -2)), length + 16)).toThrow(RequestError)
    }
  })

  it('members and elements that another sign than a comma divides', () => {
    for (const sign of [':', ']', '}', '{', '"x"', '1', '']) {
      expectRefusal(() => parse(`{"a":1${sign}"b":2}`), 'malformed_request')
      if (sign !== ']') expectRefusal(() => parse(`[1${sign === '1' ? ' 1 ' : sign} 2]`), 'malformed_request')
    }
  })

  it('D-04 more values than the bound, wherever they stand', () => {
    const three = utf8ToBytes('{"a":[1]}')
    expect(parseStrictJson(three, LIMIT, 3)).toBeInstanceOf(Map)
    expectRefusal(() => parseStrictJson(three, LIMIT, 2), 'payload_too_large')
  })

  it('D-03 depth that would overflow the stack', () => {
    for (const open of ['[', '{"a":']) {
      expectRefusal(() => parseStrictJson(utf8ToBytes(open.repeat(100_000)), 2 ** 20), 'malformed_request')
    }
  })

  it('D-01 any bytes, with nothing but a RequestError', () => {
    const token = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ':',
      ',',
      '"',
      '\\',
      '\\u',
      'd800',
      '0',
      '-',
      '1',
      'e',
      '.',
      'true',
      'null',
      ' ',
      '\n',
      'é',
    )
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.array(token, { maxLength: 40 }).map((tokens) => utf8ToBytes(tokens.join(''))),
    )
    fc.assert(
      fc.property(bytes, (input) => {
        let mine: { readonly value: unknown } | undefined
        try {
          mine = { value: plain(parseStrictJson(input, LIMIT)) }
        } catch (error) {
          expect(error).toBeInstanceOf(RequestError)
        }
        // Stricter than JSON.parse and never more lenient or of another opinion.
        if (mine !== undefined) expect(mine.value).toEqual(JSON.parse(Buffer.from(input).toString('utf8')))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('C-10 prototypes', () => {
  it('keeps __proto__ an ordinary member', () => {
    const object = parse('{"__proto__":{"polluted":1},"constructor":2}') as ReadonlyMap<string, Json>
    expect([...object.keys()]).toEqual(['__proto__', 'constructor'])
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
  })

  it('still finds __proto__ twice', () => {
    expectRefusal(() => parse('{"__proto__":1,"__proto__":1}'), 'malformed_request')
  })
})
