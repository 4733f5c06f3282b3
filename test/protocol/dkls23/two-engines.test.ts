import { describe, expect, it } from 'vitest'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { assembleRun as assembleHm, makeHmCase, runHm } from '../hm/hm-run.ts'
import { signed } from '../hm/verify-signature.ts'
import { bytes32, numbered } from '../signing/dealt-key.ts'
import { assembleRun, type DklsCase, dealtPairs, ends, runDkls } from './dkls-run.ts'
import { extends_ } from './rogue.ts'
import { expectBatch, expectEcdsa } from './verify-signature.ts'

/** One key, one sharing, two engines (honest-majority-ecdsa.md 5): what a set does while a signer comes and goes. */
describe('hm 7.6 two engines', () => {
  const hm = makeHmCase({ seed: 'two engines', digests: numbered('two engines', 2).map(bytes32) })
  const dkls = (signers: readonly PartyId[]): DklsCase => ({
    ...hm,
    scheme: 'ecdsa-secp256k1',
    signers,
    pairs: dealtPairs([1, 2, 3], 'two engines'),
  })

  it('hm 7.6 two engines: the same requests under the same keys by either, in turns: all verify, no r twice', () => {
    const outcomes = [
      ...[
        [1, 2],
        [1, 3],
        [2, 3],
      ].map((signers) => assembleRun(dkls(signers), runDkls(dkls(signers), { name: signers.join() }))),
      assembleHm(hm, runHm(hm)),
      assembleRun(dkls([1, 2]), runDkls(dkls([1, 2]), { name: 'again' })),
      assembleHm(hm, runHm(hm, { name: 'again' }), 'again'),
    ]
    for (const batch of outcomes) {
      for (const [b, { publicKey, input }] of hm.items.entries()) expectEcdsa('ecdsa-secp256k1', batch[b], publicKey, input)
    }
    const rs = outcomes.flat().map((outcome) => Buffer.from(signed(outcome).signature.slice(0, 32)).toString('hex'))
    expect(new Set(rs).size).toBe(rs.length)
  })

  it('hm 7.6 two engines: a session that ends in a ban leaves the other engine and the other pairs as they were', () => {
    const c = dkls([1, 3])
    const failed = runDkls(c, { malicious: extends_(3, (one) => ({ ...one, x: one.x.with(0, (one.x[0] as number) ^ 1) })) })
    expect(ends(failed)[1]).toBe('OTE_CHECK 3')
    for (const [b, outcome] of assembleHm(hm, runHm(hm, { name: 'after' }), 'after').entries()) {
      expectEcdsa('ecdsa-secp256k1', outcome, hm.items[b]?.publicKey as Uint8Array, hm.items[b]?.input as Uint8Array)
    }
    expectBatch(dkls([1, 2]), assembleRun(dkls([1, 2]), runDkls(dkls([1, 2]), { name: 'after' })))
  })
})
