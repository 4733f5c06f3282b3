import { expect, it } from 'vitest'
import { SUITES } from '../../../src/protocol/channel/setup.ts'
import { schemeShape } from '../../../src/protocol/keygen/scheme.ts'
import { SCHEMES } from '../../../src/protocol/request/document.ts'

it('D-07: a scheme is the number of its suite, and no other number is a scheme', () => {
  const numbers = SCHEMES.map((scheme) => schemeShape.plain(scheme))
  expect(numbers).toEqual(SCHEMES.map((scheme) => SUITES[scheme]))
  expect(numbers.map((number) => schemeShape.parse(number))).toEqual(SCHEMES)
  for (const other of [0, Math.max(...(numbers as number[])) + 1, 0xffff]) {
    expect(() => schemeShape.parse(other)).toThrow('no scheme has this number')
  }
})
