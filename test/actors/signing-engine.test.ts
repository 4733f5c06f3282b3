import { describe, expect, it } from 'vitest'
import { signingEngine } from '../../src/actors/signing-engine.ts'
import type { Suite } from '../../src/protocol/channel/setup.ts'
import { SetupError } from '../../src/protocol/engine/fault.ts'
import type { Env } from '../../src/protocol/engine/round.ts'
import type { SetupFields } from '../../src/protocol/frames/setup-frame.ts'
import { dklsParams, dklsPlan, dklsSetup, makeDklsCase } from '../protocol/dkls23/dkls-run.ts'
import { openSession } from '../simulator/run-session.ts'

const c = makeDklsCase({ seed: 'signing engine' })
const setup: SetupFields = dklsSetup(c)
const { pairs, items } = dklsParams(c, 1)

describe('the engine of a set-up', () => {
  it('is DKLs23 where it says so, with set-ups only', () => {
    const make = signingEngine(setup, undefined, [], pairs)
    const start = (of: (env: Env) => ReturnType<ReturnType<typeof signingEngine>>) =>
      openSession({ ...dklsPlan(c), scriptFor: of }, new Uint8Array(32), 1).start().outgoing
    expect(start((env) => make(env, items))).toEqual(start(dklsPlan(c).scriptFor))
    expect(() => signingEngine(setup, undefined, [])).toThrow(expect.objectContaining({ code: 'DKLS_POLICY' }))
  })

  it.each<[string, Partial<SetupFields>]>([
    ['FROST on an ECDSA key', { protocol: 'frost' }],
    ['key generation', { protocol: 'dkg' }],
    ['hm without a generation', { protocol: 'hm' }],
  ])('is none for %s', (_, change) => {
    expect(() => signingEngine({ ...setup, ...change }, undefined, [], pairs)).toThrow(SetupError)
  })

  it.each<Suite>(['schnorr-secp256k1', 'eddsa-ed25519', 'none'])(
    'refuses %s in a DKLs23 session before anything is drawn',
    (suite) => {
      const make = signingEngine({ ...setup, suite }, undefined, [], pairs)
      const rng = () => {
        throw new Error('drawn')
      }
      const env = {
        self: 1,
        parties: [1, 2],
        threshold: 2,
        sessionId: new Uint8Array(32),
        curves: c.world.curves,
        rng,
      } as unknown as Env
      expect(() => make(env, items).next()).toThrow(expect.objectContaining({ code: 'DKLS_PARAM' }))
    },
  )
})
