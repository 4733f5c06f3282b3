import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { LIED_TO, negativeVectors } from '../protocol/dkls23/oracle/negative.ts'
import { scenes, setups } from '../protocol/dkls23/oracle/vectors.ts'

// That production judges them so is in test/protocol/dkls23/oracle/cross-lies.test.ts.
it('the published lies of DKLs23 are what the oracle makes of them', () => {
  const published = readFileSync(new URL('../protocol/dkls23/vectors/lies.json', import.meta.url), 'utf8')
  expect(JSON.parse(JSON.stringify(negativeVectors(scenes(setups(), LIED_TO))))).toEqual(JSON.parse(published))
})
