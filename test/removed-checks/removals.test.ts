import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ROOT, sourceFiles } from '../architecture/source-files.ts'
import { REDUNDANT } from './redundant.ts'
import { removalsOf } from './removals.ts'

const removedFrom = (text: string): readonly string[] =>
  removalsOf({ path: 'src/a.ts', text }).map((removal) => `${removal.check} => ${removal.text.replaceAll(/\s+/g, ' ')}`)

describe('what a check is', () => {
  it.each([
    ['if (a || b > c) throw new Fault("X")', ['a => if (false || b > c)', 'b > c => if (a || false)']],
    ['const f = () => { if (a && b) { log(); return false }; return c }', ['a && b => const f = () => { if (false)']],
    [
      'const f = () => { return a && b(c) }',
      ['a => const f = () => { return true && b(c) }', 'b(c) => const f = () => { return a && true }'],
    ],
    ['const f = () => a && b', ['a => const f = () => true && b', 'b => const f = () => a && true']],
    ['assertParties(x)\ngo()', ['assertParties(x) =>  go()']],
    ['for (const x of y) { if (x) continue; go() }', ['x => for (const x of y) { if (false)']],
  ])('%s', (text, expected) => {
    const removed = removedFrom(text)
    expect(removed).toHaveLength(expected.length)
    for (const [i, start] of expected.entries()) expect(removed[i]).toContain(start)
  })

  it.each(['if (a) go()', 'const f = () => a || b', 'return_(a && b)', 'assert(x)', 'if (a) { go() } else { stop() }'])(
    'not in %s',
    (text) => expect(removedFrom(text)).toEqual([]),
  )
})

describe('Z-00 the protocols', () => {
  const removals = sourceFiles('src/protocol/**/*.ts').flatMap(removalsOf)

  it('have checks to take out in every folder', () => {
    expect(removals.length).toBeGreaterThan(250)
    expect(new Set(removals.map(({ path }) => path.split('/')[2])).size).toBeGreaterThan(9)
  })

  it('have the checks that are listed as redundant, and a reason for each', () => {
    for (const { path, check, why } of REDUNDANT) {
      expect(
        removals.filter((removal) => removal.path === path && removal.check === check),
        `${path}: ${check}`,
      ).not.toEqual([])
      expect(why.length).toBeGreaterThan(20)
    }
  })

  // Each protocol's README has a table of its checks; the last column says which tests break them.
  it.each(['keygen', 'hm', 'frost', 'prss'])('name a test that exists beside every check of the README of %s', (folder) => {
    const [readme] = sourceFiles(`src/protocol/${folder}/README.md`)
    const rows = tableOfChecks(readme?.text ?? '')
    expect(rows.length).toBeGreaterThan(5)
    for (const cells of rows) {
      const named = testFilesIn(cells.slice(1).join(' '))
      expect(named, cells.join(' | ')).not.toEqual([])
      for (const file of named) expect(existsSync(`${ROOT}test/protocol/${folder}/${file}.test.ts`), file).toBe(true)
    }
  })
})

/** Rows of the tables whose first heading is "Check". */
function tableOfChecks(text: string): readonly (readonly string[])[] {
  const cells = text.split('\n').map((line) =>
    line.startsWith('|')
      ? line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim())
      : null,
  )
  let inside = false
  return cells.flatMap((row) => {
    if (row === null) inside = false
    else if (row[0] === 'Check') inside = true
    return inside && row !== null && row[0] !== 'Check' && !/^-+$/.test(row[0] as string) ? [row] : []
  })
}

/** `round-1.test.ts` in the text, or bare names of a column "File". */
function testFilesIn(text: string): readonly string[] {
  const spelt = [...text.matchAll(/`?([a-z0-9-]+)\.test\.ts/g)].map((match) => match[1] as string)
  const bare = [...text.matchAll(/\b(dkg(?:-[a-z]+)?|certificate|proof)\b(?=[ ,]|$)/g)].map((match) => match[1] as string)
  return spelt.length > 0 ? spelt : bare
}
