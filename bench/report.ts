import type { Figure } from './targets.ts'

/** A figure or a word; the unit stands in the column's name. Rows are printed rounded and go into the JSON line as they are. */
export type Row = Readonly<Record<string, string | number>>

export interface Table {
  readonly title: string
  readonly rows: readonly Row[]
}

/** A figure that must be reached, or not exceeded: otherwise the benchmark exits non-zero. */
export interface Gate {
  readonly name: string
  readonly figure: number
  readonly must: number
  readonly unit: string
  /** The figure may be as large as `must` at most; at least that, if absent. */
  readonly atMost?: true
}

/** What one part of the benchmark found. */
export interface Part {
  readonly tables: readonly Table[]
  /** Of the part itself; those of the targets follow from its figures. */
  readonly gates: readonly Gate[]
  readonly figures?: readonly Figure[]
}

export const isMet = ({ figure, must, atMost }: Gate): boolean => (atMost ? figure <= must : figure >= must)

/** Three significant digits, but never fewer than all digits before the point. */
function rounded(value: number): string {
  if (!Number.isFinite(value)) return '-'
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.max(Math.abs(value), 1e-9))))
  return Number.isInteger(value) ? String(value) : value.toFixed(Math.min(digits, 3))
}

const shown = (value: string | number | undefined): string => (typeof value === 'number' ? rounded(value) : (value ?? ''))

/** Numbers to the right, words to the left, columns in the order in which rows name them. */
export function formatTable({ title, rows }: Table): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const cells = [columns, ...rows.map((row) => columns.map((column) => shown(row[column])))]
  const widths = columns.map((_, i) => Math.max(...cells.map((line) => line[i]?.length ?? 0)))
  const isNumeric = columns.map((column) => rows.some((row) => typeof row[column] === 'number'))
  const lines = cells.map((line) =>
    line
      .map((cell, i) => (isNumeric[i] ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
  const [head, ...body] = lines
  return [`\n${title}`, head, widths.map((width) => '-'.repeat(width)).join('  '), ...body].join('\n')
}

export const formatGate = (gate: Gate): string =>
  `${isMet(gate) ? 'met   ' : 'MISSED'}  ${gate.name}: ${rounded(gate.figure)} ${gate.unit}, must be at ${gate.atMost ? 'most' : 'least'} ${gate.must}`

/** The value below which `share` of them lie; NaN for none. Does not interpolate: every answer is one that was measured. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)
