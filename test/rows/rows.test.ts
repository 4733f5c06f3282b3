import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { allTitles, README, readmeWith } from './readme.ts'
import { REASONS } from './reasons.ts'
import { needlessReasons, openRows, ROW_IDS, rowsOf, tableOf, testsByRow, titleFaults } from './table.ts'
import { type Title, titlesIn } from './titles.ts'

const titles = allTitles()

describe('the table of rows', () => {
  it('has a test or a reason for every row', () => expect(openRows(titles, REASONS)).toEqual([]))
  it('has no reason for a row that has a test', () => expect(needlessReasons(titles, REASONS)).toEqual([]))
  it('knows every row that a test names', () => expect(titles.flatMap(titleFaults)).toEqual([]))
  it('is up to date in test/README.md; otherwise run `npm run rows`', () =>
    expect(readFileSync(README, 'utf8')).toBe(readmeWith(titles)))
})

/** What finds gaps must find one when there is one. */
describe('what makes the table', () => {
  const titled = (text: string, ...within: string[]): Title => ({ path: 'test/a.test.ts', kind: 'test', text, within })

  it('reads titles of tests, tables of tests and groups, also from templates', () => {
    const text = [
      "describe.each(LIST)('K-01 %s', (x: string) => {",
      `  for (const n of ALL) it(\`D-01 \${n} bytes\`, () => void it.name)`,
      "  it.skipIf(absent)('Z-01 a', () => {})",
      "  test.each([['not a title']])('S-01', (a) => nothing(a, 'F-01'))",
      '})',
      "it(named, () => {}) // it('C-01')",
    ].join('\n')
    expect(titlesIn({ path: 'test/a.test.ts', text }).map((title) => [title.kind, title.text, title.within.join()])).toEqual([
      ['group', 'K-01 %s', ''],
      ['test', 'D-01 … bytes', 'K-01 %s'],
      ['test', 'Z-01 a', 'K-01 %s'],
      ['test', 'S-01', 'K-01 %s'],
    ])
  })

  it('takes rows from the beginning of a title, the longest name first', () => {
    expect(rowsOf('D-02, 14.2 C_j split: x, D-01').rows).toEqual(['D-02', '14.2 C_j split'])
    expect(rowsOf('14.2 C_j: x').rows).toEqual(['14.2 C_j'])
    expect(rowsOf('hm 7.2 R_30').rows).toEqual([])
    expect(rowsOf('of D-02').rows).toEqual([])
  })

  it.each(['D-99 x', 'D-01, D-99 x', '14.2 x', 'hm 7.1 x', 'x (D-01)', 'D-01 x, Z-03'])('refuses the title "%s"', (text) =>
    expect(titleFaults(titled(text))).toHaveLength(1),
  )
  it.each(['D-01 x', 'D-01, hm 7.2 lists: x', 'SHA-256', 'P-256', '7.3 x', 'RFC 9591 6.1'])('lets "%s" pass', (text) =>
    expect(titleFaults(titled(text))).toEqual([]),
  )

  it('counts a test for its own rows and those of the groups around it, once', () => {
    const counted = testsByRow([
      titled('D-01 a', 'D-01 b', 'K-01 c'),
      titled('x', 'K-01 c'),
      { ...titled('K-02'), kind: 'group' },
    ])
    expect(counted.get('D-01')?.get('test/a.test.ts')).toBe(1)
    expect(counted.get('K-01')?.get('test/a.test.ts')).toBe(2)
    expect(counted.get('K-02')?.size).toBe(0)
  })

  it('shows what is open, what needs no reason, and the table', () => {
    const some = [titled('D-01 a')]
    expect(openRows(some, { 'D-02': 'because' })).toEqual(ROW_IDS.filter((id) => id !== 'D-01' && id !== 'D-02'))
    expect(needlessReasons(some, { 'D-01': 'because', 'D-02': 'because' })).toEqual(['D-01'])
    const table = tableOf(some, { 'D-02': 'because' }, [{ rows: 'X', about: 'y', why: 'z' }])
    expect(table).toMatch(/^\| D-01 \| .* \| `a` 1 \|$/m)
    expect(table).toMatch(/^\| D-02 \| .* \| because \|$/m)
    expect(table).toMatch(/^\| D-03 \| .* \| \*\*open\*\* \|$/m)
    expect(table).toMatch(/^\| X \| y \| z \|$/m)
  })
})
