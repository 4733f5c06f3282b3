import { describe, expect, it } from 'vitest'
import { type Chart, lineChart } from '../../bench/svg-chart.ts'

const chart = (change: Partial<Chart> = {}): string =>
  lineChart({
    title: 'Throughput & latency',
    note: 'a <machine>',
    x: { label: 'signatures/s' },
    y: { label: 'ms', log: true },
    series: [
      {
        name: 'p50',
        points: [
          { x: 0, y: 4, label: '0x' },
          { x: 500, y: 10 },
          { x: 900, y: 400, label: '2x' },
        ],
      },
    ],
    ...change,
  })

/** Every element closes in order; attributes are quoted. Enough of XML for what is written here. */
function assertWellFormed(svg: string): void {
  const open: string[] = []
  for (const [, close, name, , empty] of svg.matchAll(/<(\/?)([a-z]+)((?:\s+[a-zA-Z-]+="[^"<]*")*)\s*(\/?)>/g)) {
    if (close === '/') expect(open.pop()).toBe(name)
    else if (empty !== '/') open.push(name as string)
  }
  expect(open).toEqual([])
  expect(svg.replaceAll(/<\/?[a-z]+(?:\s+[a-zA-Z-]+="[^"<]*")*\s*\/?>/g, '')).not.toMatch(/[<>]/)
}

const circles = (svg: string) =>
  [...svg.matchAll(/<circle class="d(\d)" cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, i, x, y]) => [Number(i), Number(x), Number(y)])
const ticks = (svg: string) => [...svg.matchAll(/class="tick"[^>]*>([^<]*)</g)].map(([, label]) => label)

describe('a chart', () => {
  it('is well-formed, says what it shows and in which units, and escapes it', () => {
    const svg = chart()
    assertWellFormed(svg)
    for (const words of ['Throughput &amp; latency', 'a &lt;machine&gt;', '>signatures/s<', '>ms<', '>p50<', '>0x<', '>2x<']) {
      expect(svg).toContain(words)
    }
  })

  it('is readable in light and dark', () => {
    const [light, dark] = chart().split('prefers-color-scheme: dark')
    for (const part of [light, dark]) for (const kind of ['text {', '.back {', '.grid {', '.s0 {']) expect(part).toContain(kind)
  })

  it('puts points where their axes say: equal steps across, decades up', () => {
    const svg = chart()
    expect(ticks(svg)).toEqual(['0', '200', '400', '600', '800', '1,000', '2', '5', '10', '20', '50', '100', '200', '500'])
    const [first, second, last] = circles(svg) as [number[], number[], number[]]
    // 800 wide with a box from 76 to 776: 500 of 1,000 is its middle.
    expect([first[1], second[1]]).toEqual([76, 426])
    expect(last[1]).toBeCloseTo(76 + 0.9 * 700, 0)
    // A box from 416 up to 92 for 2 to 500 ms.
    const up = (ms: number): number => 416 - (324 * Math.log(ms / 2)) / Math.log(250)
    for (const [point, ms] of [
      [first, 4],
      [second, 10],
      [last, 400],
    ] as const)
      expect(point[2]).toBeCloseTo(up(ms), 0)
  })

  it('leaves out what nobody could measure', () => {
    const points = [
      { x: 1, y: 0 },
      { x: Number.NaN, y: 4 },
      { x: 2, y: Number.POSITIVE_INFINITY },
      { x: 3, y: 7 },
    ]
    const svg = chart({ series: [{ name: 'p99', points }] })
    expect(circles(svg)).toHaveLength(1)
    expect(svg).not.toMatch(/NaN|Infinity/)
    const empty = chart({ series: [{ name: 'p99', points: [] }] })
    assertWellFormed(empty)
    expect(empty).not.toMatch(/NaN|Infinity/)
  })

  it('tells its lines apart without colour too, and refuses more than it can', () => {
    const named = (count: number) => ({
      series: Array.from({ length: count }, (_, i) => ({ name: `${i}`, points: [{ x: 1, y: i + 1 }] })),
    })
    const dashes = [...chart(named(4)).matchAll(/<path class="line s\d" stroke-dasharray="([^"]*)" d="M\d+ 68/g)].map(
      ([, dash]) => dash,
    )
    expect(new Set(dashes).size).toBe(4)
    expect(() => chart(named(5))).toThrow(RangeError)
  })
})
