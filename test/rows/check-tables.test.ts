import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ROOT, sourceFiles } from '../architecture/source-files.ts'

const PROTOCOLS = ['keygen', 'prss', 'hm', 'dkls23', 'frost']

/** Each protocol's README lists its checks; the last column says which test breaks exactly that one. */
describe('Z-00 the tables of checks', () => {
  it.each(PROTOCOLS)('of %s name a test that exists for every check', (folder) => {
    const [readme] = sourceFiles(`src/protocol/${folder}/README.md`)
    const rows = checksIn(readme?.text ?? '')
    expect(rows.length).toBeGreaterThan(5)
    for (const cells of rows) {
      const named = testsIn(cells.slice(1).join(' '))
      expect(named, cells.join(' | ')).not.toEqual([])
      for (const name of named) expect(existsSync(`${ROOT}test/protocol/${folder}/${name}.test.ts`), name).toBe(true)
    }
  })

  it('and every fault that a protocol can end with is expected by name in one of its tests', () => {
    for (const folder of PROTOCOLS) {
      const sources = sourceFiles(`src/protocol/${folder}/*.ts`)
      const tests = sourceFiles('test/protocol/**/*.ts', 'test/actors/*.ts')
        .map(({ text }) => text)
        .join('\n')
      const codes = new Set(
        sources.flatMap(({ text }) =>
          [...text.matchAll(/'((?:DKG|HM|PRSS|OTE|RVOLE|EC|SIGN|SIG|PK|R|DKLS|FROST)_[A-Z_]+)'/g)].map((m) => m[1]),
        ),
      )
      expect(codes.size).toBeGreaterThan(0)
      for (const code of codes) expect(tests, code).toMatch(new RegExp(`\\b${code}\\b`))
    }
  })

  it('are read to their ends: a check without a test would be found', () => {
    const rows = checksIn('| Check | Breaks in |\n| --- | --- |\n| a | `x.test.ts` |\n| b | |\n\n| File | y |\n| c | d |\n')
    expect(rows).toEqual([
      ['a', '`x.test.ts`'],
      ['b', ''],
    ])
    expect(rows.map((cells) => testsIn(cells.slice(1).join(' ')))).toEqual([['x'], []])
    expect(testsIn('dkg-dealer, proof D3: the proof')).toEqual(['dkg-dealer', 'proof', 'proof'])
  })
})

/** Rows of the tables whose first heading is "Check". */
function checksIn(text: string): readonly (readonly string[])[] {
  let inside = false
  return text.split('\n').flatMap((line) => {
    const cells = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim())
    if (!line.startsWith('|')) inside = false
    else if (cells[0] === 'Check') inside = true
    return inside && cells[0] !== 'Check' && !/^-+$/.test(cells[0] as string) ? [cells] : []
  })
}

/** `round-1.test.ts` in the text, or the bare names of a column "File". */
function testsIn(text: string): readonly string[] {
  const spelt = [...text.matchAll(/`?([a-z0-9-]+)\.test\.ts/g)].map((match) => match[1] as string)
  const bare = [...text.matchAll(/\b(dkg(?:-[a-z]+)?|certificate|proof)\b(?=[ ,]|$)/g)].map((match) => match[1] as string)
  return spelt.length > 0 ? spelt : bare
}
