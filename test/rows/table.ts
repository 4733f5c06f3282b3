import { ATTACK_ROWS } from './attack-rows.ts'
import { PROTOCOL_ROWS } from './protocol-rows.ts'
import type { Title } from './titles.ts'

export const ROWS = { ...ATTACK_ROWS, ...PROTOCOL_ROWS }
export type RowId = keyof typeof ROWS

export const ROW_IDS = Object.keys(ROWS) as readonly RowId[]
/** "14.2 C_j split" before "14.2 C_j", which begins it. */
const LONGEST_FIRST = [...ROW_IDS].sort((a, b) => b.length - a.length)

const LOOKS_LIKE_A_ROW = /^(?:[A-Z]-\d\d(?!\d)|14\.\d|hm 7\.\d)/
const HIDDEN_ROW = /\b[DKZPOSFTRHUCX]-\d\d\b/

/** The rows that a title begins with ("D-02, Z-03 ..."), and what is left of it. */
export function rowsOf(title: string): { readonly rows: readonly RowId[]; readonly rest: string } {
  const rows: RowId[] = []
  let rest = title
  for (;;) {
    const row = LONGEST_FIRST.find((id) => rest.startsWith(id) && !/^[\w-]/.test(rest.slice(id.length)))
    if (row === undefined) return { rows, rest }
    rows.push(row)
    rest = rest.slice(row.length)
    const another = /^, /.test(rest) && LOOKS_LIKE_A_ROW.test(rest.slice(2))
    if (!another) return { rows, rest }
    rest = rest.slice(2)
  }
}

/** What is wrong with a title: a row nobody knows, or one that does not stand at the beginning, where it would not be counted. */
export function titleFaults({ path, text }: Title): readonly string[] {
  const { rest } = rowsOf(text)
  if (LOOKS_LIKE_A_ROW.test(rest)) return [`${path}: "${text}" names no row of the table`]
  if (HIDDEN_ROW.test(rest)) return [`${path}: "${text}": rows stand at the beginning of a title`]
  return []
}

/** For each row the files that test it, with the number of tests in each; a test that runs over a list of cases counts once. */
export function testsByRow(titles: readonly Title[]): ReadonlyMap<RowId, ReadonlyMap<string, number>> {
  const found = new Map<RowId, Map<string, number>>(ROW_IDS.map((id) => [id, new Map()]))
  for (const { path, kind, text, within } of titles) {
    if (kind === 'group') continue
    for (const row of new Set([...within, text].flatMap((title) => rowsOf(title).rows))) {
      const files = found.get(row)
      files?.set(path, (files.get(path) ?? 0) + 1)
    }
  }
  return found
}

type Reasons = Partial<Readonly<Record<RowId, string>>>

export function openRows(titles: readonly Title[], reasons: Reasons): readonly RowId[] {
  return [...testsByRow(titles)].filter(([id, files]) => files.size === 0 && reasons[id] === undefined).map(([id]) => id)
}

export function needlessReasons(titles: readonly Title[], reasons: Reasons): readonly RowId[] {
  return [...testsByRow(titles)].filter(([id, files]) => files.size > 0 && reasons[id] !== undefined).map(([id]) => id)
}

interface AbsentGroup {
  readonly rows: string
  readonly about: string
  readonly why: string
}

export function tableOf(titles: readonly Title[], reasons: Reasons, absent: readonly AbsentGroup[]): string {
  const lines = [...testsByRow(titles)].map(([id, files]) => {
    const tests = [...files].map(([path, count]) => `\`${path.replace(/^test\//, '').replace(/\.test\.ts$/, '')}\` ${count}`)
    return `| ${id} | ${ROWS[id]} | ${tests.length > 0 ? tests.join(', ') : (reasons[id] ?? '**open**')} |`
  })
  const groups = absent.map(({ rows, about, why }) => `| ${rows} | ${about} | ${why} |`)
  return ['| Row | What is tried | Tests, or why there is none |', '| --- | --- | --- |', ...lines, ...groups].join('\n')
}
