import { expect } from 'vitest'
import { toHex } from '../../src/protocol/engine/bytes.ts'
import { makeDklsCase, runDkls } from '../protocol/dkls23/dkls-run.ts'
import { runPair } from '../protocol/dkls23/pair-run.ts'
import { FROST_SCHEMES, makeFrostCase, runFrost } from '../protocol/frost/frost-run.ts'
import { makeHmCase, runHm } from '../protocol/hm/hm-run.ts'
import { keygen } from '../protocol/keygen/keygen-fixture.ts'
import { runEstablish } from '../protocol/prss/establish-run.ts'
import type { Rule } from './relay.ts'
import type { Run } from './run-session.ts'
import { pick, seededRng } from './seeded-rng.ts'
import { makeWorld } from './world.ts'

type Play = (rules: readonly Rule[]) => Run<unknown, unknown>

const five = makeWorld({ ids: 5, seed: 'schedules' })
const hm = makeHmCase({ seed: 'schedules' })
const dkls = makeDklsCase({ seed: 'schedules', threshold: 3 })
const frost = FROST_SCHEMES.map((scheme) => makeFrostCase({ scheme, seed: 'schedules', threshold: 3 }))

/** Every protocol, with one seed: who says what is fixed, and only the order in which it arrives is left. */
export const SCHEDULED: Readonly<Record<string, Play>> = {
  'key generation': (rules) => keygen({ seed: 'schedules', rules }),
  'key generation, Ed25519': (rules) => keygen({ seed: 'schedules', scheme: 'eddsa-ed25519', rules }),
  prss: (rules) => runEstablish({ world: five, threshold: 3, signers: [1, 2, 3, 4, 5], seed: 'schedules', rules }),
  'pair set-up': (rules) => runPair({ world: five, signers: [2, 4], seed: 'schedules', rules }),
  hm: (rules) => runHm(hm, { rules }),
  'DKLs23 signing': (rules) => runDkls(dkls, { rules }),
  ...Object.fromEntries(frost.map((c) => [`FROST, ${c.scheme}`, (rules: readonly Rule[]) => runFrost(c, { rules })])),
}

/** Each message waits for any number of others, of its round or not. */
const schedule = (name: string): readonly Rule[] => {
  const rng = seededRng(name)
  return [{ when: {}, act: (parcel) => [{ ...parcel, late: 1 + pick(rng, 1 << 20) }] }]
}

/** What came of a run: every byte that was sent, every end, everything stored. */
const outcome = ({ sent, ends, commits }: Run<unknown, unknown>) => ({
  sent: sent.map((p) => `${p.from} ${p.to} ${p.round} ${toHex(p.bytes)}`).sort(),
  ends: new Map([...ends].sort(([a], [b]) => a - b)),
  commits,
})

/** T-04: under each of `count` random schedules the same as when every message arrives in the order in which it was sent. */
export function expectSameInAnyOrder(name: string, count: number): void {
  const play = SCHEDULED[name] as Play
  let sentSoFar = 0
  const ordered = play([{ when: {}, act: (parcel) => [{ ...parcel, late: ++sentSoFar }] }])
  for (const end of ordered.ends.values()) expect(end.type).toBe('done')
  const expected = outcome(ordered)
  for (let i = 0; i < count; i++) expect(outcome(play(schedule(`${name} ${i}`))), `${name}, schedule ${i}`).toEqual(expected)
}
