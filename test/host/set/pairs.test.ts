import { afterAll, beforeAll, describe, it } from 'vitest'
import { PAIR_STATES } from '../../../src/protocol/frames/signer-frames.ts'
import { inProcessSet, type TestSet } from './in-process-set.ts'
import { expectWorks, makeKey } from './signing-keys.ts'
import { until } from './until.ts'

describe('x', () => {
  let set: TestSet
  beforeAll(async () => {
    set = await inProcessSet({ config: { ecdsaEngines: ['dkls23'] } })
  })
  afterAll(() => set.close())
  it('signs', async () => {
    await until('pairs', () => set.signers.every((s) => s.pairs.states().every((p) => p.state === PAIR_STATES.ok)))
    const key = await makeKey(set, 'ecdsa-secp256k1')
    await expectWorks(set, key)
    console.log(set.signers.map((s) => s.pairs.states()))
  })
})
