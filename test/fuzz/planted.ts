import process from 'node:process'
import { BrokenPromise, type FuzzTarget, outcomeOf } from './target.ts'

/** Targets with a known mistake, by the query of this module's URL: what the fuzzer itself is tested with. */
const PLANTED: Readonly<Record<string, (input: Uint8Array) => string>> = {
  /** Four bytes that must all be right: found step by step, each step being a block of its own, or never. */
  maze: (input) => {
    if (input[0] !== 0x51) return 'out'
    if (input[1] !== 0xa7) return 'out'
    if (input[2] !== 0x3c) return 'out'
    if (input[3] !== 0x99) return 'out'
    throw new TypeError('found the way')
  },
  /** Two fields deep inside a message, which no change of single bytes reaches. */
  tree: (input) =>
    input[0] === 0x92 && input[1] === 0xc4 && input[2] === 33 && input.length > 36 ? fail('a longer field') : 'in',
  outcomes: (input) => `has ${Math.min(9, input.length)} bytes`,
  loop: (input) => {
    for (let i = 0; input[0] === 0x77; i++) if (i < 0) return 'never'
    return 'ended'
  },
  slow: (input) => {
    const start = process.threadCpuUsage()
    while (input[0] === 0x77 && process.threadCpuUsage(start).user < 1_200_000) Math.sqrt(2)
    return 'ended'
  },
  buffers: (input) => `made ${new Uint8Array(input[0] === 0x77 ? 80 << 20 : 1).fill(1).length > 1}`,
  heap: (input) => {
    const hoard: number[][] = []
    while (input[0] === 0x77) hoard.push(new Array<number>(1 << 20).fill(0.5))
    return `${hoard.length}`
  },
  typed: (input) =>
    outcomeOf(
      () => (input[0] === 0x77 ? fail('refused') : 'taken'),
      (error) => (error instanceof BrokenPromise ? error.name : undefined),
    ),
}

function fail(what: string): never {
  throw new BrokenPromise(what)
}

export function open(): FuzzTarget {
  const run = PLANTED[new URL(import.meta.url).search.slice(1)]
  if (run === undefined) throw new Error('no such planted target')
  return { maxLength: 64, seeds: () => new Map(), reaches: [], run }
}
