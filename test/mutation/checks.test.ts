import { describe, expect, it } from 'vitest'
import { sourceFiles } from '../architecture/source-files.ts'
import { applied, mutantsOf } from './checks.ts'
import { REDUNDANT, reasonFor } from './redundant.ts'

const mutated = (source: string): readonly string[] => mutantsOf(source).map((m) => applied(source, m))

describe('the checks of a file', () => {
  it('are each alternative of a guard', () => {
    expect(mutated('if (a || !(b && c)) throw new Error()')).toEqual([
      'if (false || !(b && c)) throw new Error()',
      'if (a || !(true && c)) throw new Error()',
      'if (a || !(b && true)) throw new Error()',
    ])
  })

  it('are conditions before a null, a fault or a failed outcome, in either branch', () => {
    expect(mutated('const x = a ? null : b')).toEqual(['const x = false ? null : b'])
    expect(mutated('const x = a ? b : undefined')).toEqual(['const x = true ? b : undefined'])
    expect(mutated("const f = () => { if (a) return { type: 'failed' } }")).toEqual([
      "const f = () => { if (false) return { type: 'failed' } }",
    ])
    expect(mutated('for (;;) { if (a) continue }')).toEqual(['for (;;) { if (false) continue }'])
  })

  it('are the parts of what a boolean function returns', () => {
    expect(mutated('const f = (a): boolean => a && g(a)')).toEqual([
      'const f = (a): boolean => true && g(a)',
      'const f = (a): boolean => a && true',
    ])
    expect(mutated('function f(a): boolean { return !a }')).toEqual(['function f(a): boolean { return !false }'])
  })

  it('are throws without a condition, assertions, refusals and blame', () => {
    expect(mutated('function f() { throw e }')).toEqual(['function f() { ; }'])
    expect(mutated('assertParties(x); refuse("no"); use(y)')).toEqual(['; refuse("no"); use(y)', 'assertParties(x); ; use(y)'])
    expect(mutated('blame(from, code, g)')).toEqual(['((_from, _code, check) => check())(from, code, g)'])
    expect(mutated('const x = y ?? fail("no")')).toEqual(['const x = y'])
  })

  it('are not conditions that choose between two ways to go on', () => {
    expect(mutated('function f() { if (a) b()\nconst x = c ? 1 : 2\nif (d) return e }')).toEqual([])
  })
})

describe('Z-00 src/protocol', () => {
  const files = sourceFiles('src/protocol/**/*.ts')
  const all = files.flatMap(({ path, text }) => mutantsOf(text).map((m) => ({ path, text, m })))

  it('has hundreds of checks, and stays a program without any one of them', () => {
    expect(all.length).toBeGreaterThan(350)
    for (const { text, m } of all.filter((_, i) => i % 7 === 0)) expect(() => mutantsOf(applied(text, m))).not.toThrow()
  })

  it('has every check that is called redundant', () => {
    for (const entry of REDUNDANT) {
      expect(
        all.filter(({ path, m }) => reasonFor([entry], path, m) !== undefined),
        `${entry.file} ${entry.was}`,
      ).not.toEqual([])
    }
  })
})
