/** A point, and what is written beside it. */
export interface Point {
  readonly x: number
  readonly y: number
  readonly label?: string
}

export interface Series {
  readonly name: string
  readonly points: readonly Point[]
}

export interface Axis {
  /** With its unit. */
  readonly label: string
  /** Decades instead of equal steps; from 0 on otherwise. */
  readonly log?: true
}

export interface Chart {
  readonly title: string
  /** What it was measured on. */
  readonly note: string
  readonly x: Axis
  readonly y: Axis
  readonly series: readonly Series[]
}

const WIDTH = 800
const HEIGHT = 480
const BOX = { left: 76, right: WIDTH - 24, top: 92, bottom: HEIGHT - 64 }
/** Distinct in hue and lightness, for colour-blind readers too; of the light and of the dark theme. */
const COLOURS = [
  ['#0969da', '#58a6ff'],
  ['#bc4c00', '#f0883e'],
  ['#1a7f37', '#56d364'],
  ['#8250df', '#d2a8ff'],
] as const
const DASHES = ['none', '7 4', '2 4', '9 4 2 4'] as const

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 }
  .note, .tick, .label { font-size: 11px; fill: #59636e }
  .label { paint-order: stroke; stroke: #ffffff; stroke-width: 4px; stroke-linejoin: round }
  .back { fill: #ffffff }
  .grid { stroke: #d1d9e0; stroke-width: 1 }
  .axis { stroke: #59636e; stroke-width: 1 }
  .line { fill: none; stroke-width: 2 }
${COLOURS.map(([light], i) => `  .s${i} { stroke: ${light} } .d${i} { fill: ${light} }`).join('\n')}
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .note, .tick, .label { fill: #9198a1 }
    .label { stroke: #0d1117 }
    .back { fill: #0d1117 }
    .grid { stroke: #30363d }
    .axis { stroke: #9198a1 }
${COLOURS.map(([, dark], i) => `    .s${i} { stroke: ${dark} } .d${i} { fill: ${dark} }`).join('\n')}
  }`

/** A line chart as an SVG document that needs nothing else: no script, no font, light or dark as its reader's system. */
export function lineChart({ title, note, x, y, series }: Chart): string {
  if (series.length > COLOURS.length) throw new RangeError(`at most ${COLOURS.length} lines are told apart`)
  const lines = series.map((one) => ({ ...one, points: one.points.filter(({ x: a, y: b }) => isShown(a, x) && isShown(b, y)) }))
  const all = lines.flatMap(({ points }) => points)
  const across = scaleOf(
    all.map((p) => p.x),
    x,
    BOX.left,
    BOX.right,
  )
  const up = scaleOf(
    all.map((p) => p.y),
    y,
    BOX.bottom,
    BOX.top,
  )
  // All lines before all labels: no line crosses out a word.
  const drawings = lines.map(({ points }, i) => drawn(points, i, across.at, up.at))
  const middle = { x: (BOX.left + BOX.right) / 2, y: (BOX.top + BOX.bottom) / 2 }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-labelledby="t">
<title id="t">${escaped(title)}</title>
<style>${STYLE}
</style>
<rect class="back" width="${WIDTH}" height="${HEIGHT}"/>
${text('title', BOX.left, 26, title)}
${text('note', BOX.left, 45, note)}
${legend(lines)}
${across.ticks.map((at) => verticalTick(across.at(at), at)).join('\n')}
${up.ticks.map((at) => horizontalTick(up.at(at), at)).join('\n')}
<path class="axis" fill="none" d="M${BOX.left} ${BOX.top}V${BOX.bottom}H${BOX.right}"/>
${text('', middle.x, HEIGHT - 16, x.label, 'text-anchor="middle"')}
${text('', 20, middle.y, y.label, `text-anchor="middle" transform="rotate(-90 20 ${middle.y})"`)}
${drawings.map(({ line }) => line).join('\n')}
${drawings.map(({ marks }) => marks).join('\n')}
</svg>
`
}

const isShown = (value: number, { log }: Axis): boolean => Number.isFinite(value) && (log ? value > 0 : value >= 0)

interface Scale {
  readonly at: (value: number) => number
  readonly ticks: readonly number[]
}

function scaleOf(values: readonly number[], { log }: Axis, from: number, to: number): Scale {
  const [least, most] = values.length === 0 ? [1, 10] : [Math.min(...values), Math.max(...values)]
  if (log) {
    const [low, high] = [stepBelow(least), stepAbove(most)]
    const span = Math.log(high / low)
    return { at: (value) => from + ((to - from) * Math.log(value / low)) / span, ticks: logSteps(low, high) }
  }
  const step = stepAbove((most || 1) / 6)
  const count = Math.ceil((most || 1) / step)
  return {
    at: (value) => from + ((to - from) * value) / (count * step),
    ticks: Array.from({ length: count + 1 }, (_, i) => i * step),
  }
}

const STEPS = [1, 2, 5, 10]

/** The next of 1, 2, 5, 10, 20, .. */
function stepAbove(value: number): number {
  const decade = 10 ** Math.floor(Math.log10(value))
  return (STEPS.find((step) => step * decade > value * (1 - 1e-9)) ?? 10) * decade
}

function stepBelow(value: number): number {
  const decade = 10 ** Math.floor(Math.log10(value))
  const below = (STEPS.findLast((step) => step * decade <= value) ?? 1) * decade
  // A line at the very edge, and a scale without extent, cannot be read.
  return below === value ? stepBelow(value * 0.99) : below
}

function logSteps(low: number, high: number): readonly number[] {
  const steps = [low]
  for (let at = low; at < high * (1 - 1e-9); ) {
    at = stepAbove(at * 1.01)
    steps.push(at)
  }
  return steps
}

const round = (value: number): string => String(Math.round(value * 10) / 10)
const shown = (value: number): string => Number(value.toPrecision(6)).toLocaleString('en-US', { maximumFractionDigits: 6 })
const escaped = (words: string): string =>
  words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

const text = (kind: string, x: number, y: number, words: string, more = ''): string =>
  `<text class="${kind}" x="${round(x)}" y="${round(y)}" ${more}>${escaped(words)}</text>`

const verticalTick = (x: number, value: number): string =>
  `<path class="grid" d="M${round(x)} ${BOX.top}V${BOX.bottom}"/>${text('tick', x, BOX.bottom + 18, shown(value), 'text-anchor="middle"')}`

const horizontalTick = (y: number, value: number): string =>
  `<path class="grid" d="M${BOX.left} ${round(y)}H${BOX.right}"/>${text('tick', BOX.left - 8, y + 4, shown(value), 'text-anchor="end"')}`

const LETTER = 7

function legend(lines: readonly Series[]): string {
  let x = BOX.left
  return lines
    .map(({ name }, i) => {
      const entry = `<path class="line s${i}" stroke-dasharray="${DASHES[i]}" d="M${x} 68h28"/>${text('', x + 36, 72, name)}`
      x += 36 + 24 + LETTER * name.length
      return entry
    })
    .join('\n')
}

function drawn(points: readonly Point[], i: number, across: Scale['at'], up: Scale['at']) {
  const at = points.map(({ x, y, label }) => ({ x: across(x), y: up(y), label }))
  const path = at.map(({ x, y }, n) => `${n === 0 ? 'M' : 'L'}${round(x)} ${round(y)}`).join('')
  const marks = at.map(({ x, y, label }) => {
    // Labels of the first line to the left and above, of the others to the right and below, where lines of latency leave room.
    const words =
      label === undefined
        ? ''
        : i === 0
          ? text('label', x - 6, y - 7, label, 'text-anchor="end"')
          : text('label', x + 7, y + 13, label)
    return `<circle class="d${i}" cx="${round(x)}" cy="${round(y)}" r="3.5"/>${words}`
  })
  return { line: `<path class="line s${i}" stroke-dasharray="${DASHES[i]}" d="${path}"/>`, marks: marks.join('\n') }
}
