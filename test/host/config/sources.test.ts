import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { nearest, readSources } from '../../../src/host/config/sources.ts'
import { temporaryDirectory } from '../temporary.ts'

function envFile(text: string): string {
  const path = join(temporaryDirectory(), 'host.env')
  writeFileSync(path, text)
  return path
}

describe('readSources', () => {
  it('lets the environment win over the file and remembers where each came from', () => {
    const path = envFile('# comment\nQUORATE_PORT=1\nQUORATE_NAME="a b"\n')
    const sources = readSources({ QUORATE_PORT: '2', HOME: '/root' }, path)
    expect(Object.fromEntries(sources)).toEqual({
      QUORATE_PORT: { text: '2', from: 'environment' },
      QUORATE_NAME: { text: 'a b', from: path },
    })
  })

  it('names the file where node has copied it into the environment', () => {
    const path = envFile('QUORATE_PORT=1\n')
    expect(readSources({ QUORATE_PORT: '1' }, path).get('QUORATE_PORT')?.from).toBe(path)
  })

  it('takes no other names from the environment', () => {
    expect(readSources({ PATH: '/bin', QUORATE_ROLE: 'signer', QUORATE_LONG: '1' }).get('PATH')).toBeUndefined()
  })

  it.each([
    ['the environment', { QUORATE_PROT: '1' }, undefined],
    ['a file', {}, 'QUORATE_PROT=1'],
  ])('refuses a misspelt name in %s and suggests the right one', (_, environment, text) => {
    const read = () => readSources(environment, text === undefined ? undefined : envFile(text))
    expect(read).toThrow(/QUORATE_PROT: no such setting; did you mean QUORATE_PORT\?/)
  })

  it('refuses a foreign name in a file: it does nothing there', () => {
    expect(() => readSources({}, envFile('PORT=1'))).toThrow(/PORT: no such setting/)
  })

  it('names a file that it cannot read', () => {
    expect(() => readSources({}, '/no/such.env')).toThrow(/--env-file: cannot read the file: .*\/no\/such\.env/)
  })
})

describe('nearest', () => {
  const words = ['start', 'dev', 'host', 'config check']
  it.each([
    ['strat', 'start'],
    ['dve', 'dev'],
    ['hots', 'host'],
    ['confg check', 'config check'],
  ])('takes %s for %s', (word, meant) => expect(nearest(word, words)).toBe(meant))
  it('does not guess wildly', () => expect(nearest('completely', words)).toBeUndefined())
})
