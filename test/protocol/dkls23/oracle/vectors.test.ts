import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Setup } from './setups.ts'
import { setups, setupVectors, signingVectors } from './vectors.ts'

const published = (name: string): unknown => JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8'))
const plain = (data: object): unknown => JSON.parse(JSON.stringify(data))

describe('the published vectors are what the oracle makes', () => {
  let all: readonly Setup[] = []

  beforeAll(() => {
    all = setups()
  }, 120_000)

  it('pair set-ups', () => {
    expect(plain(setupVectors(all))).toEqual(published('setups'))
  })

  it('signing: (2,2), (2,3) and (3,5) on both suites', { timeout: 120_000 }, () => {
    expect(plain(signingVectors(all))).toEqual(published('signing'))
  })
})
