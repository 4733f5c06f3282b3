import { parseEnv } from 'node:util'
import { describe, expect, it } from 'vitest'
import { formatEnvFile } from '../../../src/host/config/env-file.ts'

const readBack = (text: string): string | undefined => parseEnv(formatEnvFile('dev', { QUORATE_DATA: text }))['QUORATE_DATA']

describe('formatEnvFile', () => {
  it.each(['.quorate', '/srv/my set', '/a#b', 'it’s', "it's", 'say "hi"', '$HOME', 'a=b', ' a ', 'a\\nb', ''])(
    '%j is read back as it was',
    (text) => expect(readBack(text)).toBe(text),
  )
  it.each(['a\nb', `'"\``])('refuses %j, which no quotes can hold', (text) => expect(() => readBack(text)).toThrow(RangeError))
  it('leaves what is not given as a comment', () =>
    expect(Object.keys(parseEnv(formatEnvFile('signer')))).toEqual(['QUORATE_ROLE']))
})
