import { describe, expect, it } from 'vitest'
import { concat } from '../../../src/protocol/engine/bytes.ts'
import type { Exchange } from '../../../src/protocol/engine/round.ts'
import type { Proof } from '../../../src/protocol/keygen/proof.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { makeDklsCase, runDkls } from '../dkls23/dkls-run.ts'
import { extends_, multiplies, multipliesOnly } from '../dkls23/rogue.ts'
import { openingsOf as frostOpenings, makeFrostCase, runFrost } from '../frost/frost-run.ts'
import { openingsOf as hmOpenings, makeHmCase, runHm } from '../hm/hm-run.ts'
import { keygen, outcome } from '../keygen/keygen-fixture.ts'
import { rogueDealer } from '../keygen/rogue-dealer.ts'

const MALICIOUS = 3
const lastBit = (bytes: Uint8Array): Uint8Array => bytes.with(bytes.length - 1, (bytes.at(-1) as number) ^ 1)
/** In round 1 or 2 of a malicious script, another broadcast. */
const saying =
  (wrongRound: number, change: (body: Uint8Array) => Uint8Array) =>
  <C>(exchange: Exchange<C>, round: number): Exchange<C> =>
    round === wrongRound ? { ...exchange, broadcast: change(exchange.broadcast as Uint8Array) } : exchange

describe('T-15 a bad proof, and the honest say nothing more', () => {
  it.each([
    ['response', (p: Proof) => ({ ...p, response: lastBit(p.response) })],
    ['commitment', (p: Proof) => ({ ...p, commitment: nativeCurves.secp256k1.generator })],
  ])('key generation, a wrong %s: no message of round 3 and no share stored, by any of them', (_, change) => {
    const rogue = rogueDealer({ commitTo: (reveal) => ({ ...reveal, possession: change(reveal.possession) }) })
    const run = keygen({ rogues: new Map([[MALICIOUS, rogue]]) })
    for (const id of [1, 2]) {
      expect(outcome(run, id)).toBe(`DKG_POP:${MALICIOUS}`)
      expect(run.sent.filter((p) => p.from === id && p.round > 2)).toEqual([])
      expect(run.commits.get(id)).toEqual([])
    }
  })

  it('hm: points that are none, or off the polynomial: no answer leaves', () => {
    const c = makeHmCase({ seed: 'silence' })
    const others = hmOpenings(runHm(c, { name: 'other' })).get(MALICIOUS) as Uint8Array
    for (const change of [lastBit, () => others, (b: Uint8Array) => concat(b, b)]) {
      const run = runHm(c, { malicious: new Map([[MALICIOUS, { send: saying(1, change) }]]) })
      for (const id of [1, 2]) {
        expect(run.ends.get(id)?.type).toBe('failed')
        expect(run.assembler.get(id)).toBeUndefined()
        expect(run.commits.get(id)).toEqual([])
      }
    }
  })

  it('FROST: commitments that are no points: no share leaves', () => {
    const c = makeFrostCase({ scheme: 'eddsa-ed25519', seed: 'silence', signers: [1, MALICIOUS] })
    const honest = frostOpenings(runFrost(c)).get(MALICIOUS) as Uint8Array
    expect(honest.length).toBeGreaterThan(64)
    for (const change of [(b: Uint8Array) => b.slice(0, -1), (b: Uint8Array) => b.fill(0xff, b.length - 32)]) {
      const run = runFrost(c, { malicious: new Map([[MALICIOUS, { send: saying(1, change) }]]) })
      expect(run.ends.get(1)?.type).toBe('failed')
      expect(run.assembler.get(1)).toBeUndefined()
      expect(run.commits.get(1)).toEqual([])
    }
  })

  it('DKLs23: an extension or a product that fails its check: no message of the next round, no share leaves', () => {
    const c = makeDklsCase({ seed: 'silence', signers: [1, MALICIOUS] })
    const lies = [
      [1, extends_(MALICIOUS, (one) => ({ ...one, x: lastBit(one.x) }))],
      [2, multipliesOnly(MALICIOUS, (two) => ({ ...two, mu: lastBit(two.mu) }))],
      [2, multiplies(MALICIOUS, (m) => ({ ...m, gammaU: m.gammaV }))],
      [2, multiplies(MALICIOUS, (m) => ({ ...m, salt: lastBit(m.salt) }))],
    ] as const
    for (const [round, malicious] of lies) {
      const run = runDkls(c, { malicious })
      expect(run.ends.get(1)?.type).toBe('failed')
      expect(run.sent.filter((p) => p.from === 1 && p.round > round)).toEqual([])
      expect(run.commits.get(1)).toEqual([])
    }
  })
})
