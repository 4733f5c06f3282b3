import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { Fault } from '../../../../src/protocol/engine/fault.ts'
import { inboxesOf, signerTape, signingScript } from './as-production.ts'
import { feed } from './drive.ts'
import { assembled } from './expect-same.ts'
import { LIED_TO, type Lie, lied, sceneOf, type Verdict } from './negative.ts'
import type { SignerInput } from './signing.ts'
import { type Scene, scenes, setups } from './vectors.ts'

interface Published {
  readonly lies: readonly (Lie & { readonly expect: Verdict })[]
}

const published = JSON.parse(readFileSync(new URL('../vectors/lies.json', import.meta.url), 'utf8')) as Published

const verdict = (at: Verdict['at'], code: string, culprits: readonly number[]): Verdict => ({
  at,
  code,
  culprit: culprits[0] ?? 0,
})

/** Production's verdict: its signer `to`, then its assembler with the answer that this signer gave. */
function productionSays(base: Scene, lie: Lie): Verdict {
  const scene = sceneOf(base, lie)
  const { session, inputs } = scene
  const told = lied(scene, lie)
  const input = inputs.get(lie.to) as SignerInput
  const inboxes = inboxesOf(told, lie.to)
  const asked: number[] = []
  const counting = inboxes.map((inbox, round) =>
    Object.assign(new Map(inbox), {
      get: (from: number) => {
        asked.push(round)
        return inbox.get(from)
      },
    }),
  )
  let answer: Uint8Array
  try {
    answer = feed(signingScript(session, input, signerTape(input)), counting).exchanges[2]?.assembler as Uint8Array
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return verdict(asked.at(-1) === 0 ? 'round 1' : 'round 2', error.code, error.culprits)
  }
  try {
    const [outcome] = assembled(session, told, new Map([[lie.to, answer]])).filter(({ type }) => type !== 'refused')
    if (outcome?.type === 'failed') return verdict('assembler', outcome.code, outcome.culprits)
    return { at: 'nowhere' }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return verdict('assembler', error.code, error.culprits)
  }
}

describe('a lie in one field: the code and the culprit that the vectors say', () => {
  let all: ReadonlyMap<string, Scene> = new Map()

  beforeAll(() => {
    all = scenes(setups(), LIED_TO)
  }, 120_000)

  it.each(published.lies)('production: $change in $case: $expect', { timeout: 60_000 }, (lie) => {
    const { expect: expected, ...told } = lie
    expect(productionSays(all.get(lie.case) as Scene, told)).toEqual(expected)
  })
})
