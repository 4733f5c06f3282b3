import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { pairSecret } from './as-production.ts'
import { expectSame } from './expect-same.ts'
import { driveSetup, sidesOf } from './production-setup.ts'
import type { Setup } from './setups.ts'
import { CASES, type Scene, scenes, setups, setupVectors, signingVectors } from './vectors.ts'

const published = (name: string): unknown => JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8'))
const plain = (data: object): unknown => JSON.parse(JSON.stringify(data))

describe('the published vectors are what the oracle makes, and production makes the same', () => {
  let all: readonly Setup[] = []
  let made: ReadonlyMap<string, Scene> = new Map()

  beforeAll(() => {
    all = setups()
    made = scenes(all)
  }, 120_000)

  it('pair set-ups', () => {
    expect(plain(setupVectors(all))).toEqual(published('setups'))
  })

  it('signing: (2,2), (2,3) and (3,5) on both suites', { timeout: 120_000 }, () => {
    expect(plain(signingVectors(made))).toEqual(published('signing'))
  })

  it('production: pair set-ups', { timeout: 120_000 }, () => {
    for (const setup of all) {
      const driven = driveSetup(setup)
      for (const { id, asAlice, asBob } of sidesOf(setup)) {
        const pair = pairSecret({ asAlice: asAlice.forAlice, asBob: asBob.forBob, zseed: setup.zseed })
        expect(driven.get(id)?.result).toEqual({ ...pair, pairId: setup.pairId })
      }
    }
  })

  it.each(CASES)('production: $name', { timeout: 120_000 }, (c) => {
    const { session, inputs, run } = made.get(c.name) as Scene
    expectSame(session, inputs, run)
  })
})
