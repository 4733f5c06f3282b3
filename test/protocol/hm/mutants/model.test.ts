import { describe, expect, it } from 'vitest'
import type { Generation } from '../../../../src/protocol/prss/generation.ts'
import { makeWorld } from '../../../simulator/world.ts'
import { makeGenerations } from '../../prss/establish-run.ts'
import { bytes32, dealKey, numbered } from '../../signing/dealt-key.ts'
import { modelSigner } from './model.ts'
import { productionSigner } from './production.ts'
import { type HonestSigner, intOf, type PointLists, type Session, scalarOf } from './session.ts'

const sets = [
  [1, 2, 3],
  [1, 2, 4],
  [1, 3, 4],
  [2, 3, 4],
  [2, 5, 9],
]

describe('hm 7.4 mutants: the model with nothing left out is production', () => {
  const world = makeWorld({ ids: [1, 2, 3, 4, 5, 9], seed: 'model' })
  for (const signers of sets) {
    it(`S = {${signers.join()}}, 1, 2 and 9 items: the same R_i, mu_i and nu_i, byte for byte`, () => {
      const generations = makeGenerations(world, 2, signers)
      const key = dealKey({ curves: world.curves, scheme: 'ecdsa-secp256k1', ids: signers, threshold: 2, seed: `${signers}` })
      for (const count of [1, 2, 9]) {
        const session: Session = {
          sessionId: bytes32(`session of ${count}`),
          suite: 1,
          threshold: 2,
          signers,
          tickets: signers.map((id) => bytes32(`ticket ${id}`).slice(0, 16)),
          items: numbered(`${signers}`, count).map((name, b) => ({
            keyId: bytes32(`${name} key`),
            epochId: bytes32(`${name} epoch`),
            path: b === 1 ? 'm/1/2' : 'm',
            tweak: scalarOf(BigInt(b)),
            publicKey: key.publicKey,
            digest: bytes32(name),
            requestHash: bytes32(`${name} request`),
          })),
        }
        const both = signers.map((id) => {
          const options = {
            id,
            generation: generations.get(id) as Generation,
            shareOf: () => intOf(key.shares.get(id) as Uint8Array),
          }
          return [productionSigner({ world, ...options }), modelSigner(options)] as const
        })
        const listsOf = (n: 0 | 1): PointLists => new Map(both.map((pair) => [pair[n].id, pair[n].open(session)]))
        const [production, model] = [listsOf(0), listsOf(1)]
        const hex = (lists: PointLists) => [...lists].map(([id, points]) => [id, points.map((P) => P.toHex(true))])
        expect(hex(model)).toEqual(hex(production))
        for (const [theirs, ours] of both as readonly (readonly [HonestSigner, HonestSigner])[]) {
          expect(ours.answer(session, production)).toEqual(theirs.answer(session, production))
        }
      }
    })
  }
})
