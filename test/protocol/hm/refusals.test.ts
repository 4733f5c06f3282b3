import { describe, expect, it } from 'vitest'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { openingOf } from '../../../src/protocol/hm/sign.ts'
import { REFUSALS, type Refusal } from '../../../src/protocol/signing/refusal.ts'
import { bytes32, numbered, refusedItem } from '../signing/dealt-key.ts'
import { assembleRun, type HmRun, makeHmCase, openingsOf, runHm, signerItems } from './hm-run.ts'
import { expectEcdsa } from './verify-signature.ts'

const c = makeHmCase({ digests: numbered('refusals', 9).map(bytes32), seed: 'refusals' })
const group = c.world.curves.secp256k1

/** Runs the batch with these signers refusing these items. */
function runRefusing(refusals: Readonly<Record<PartyId, Readonly<Record<number, Refusal>>>>): HmRun {
  return runHm(c, {
    params: (id) => ({
      items: signerItems(c, id).map((item, b) => {
        const refusal = refusals[id]?.[b]
        return refusal === undefined ? item : refusedItem(c.items[b] as (typeof c.items)[0], refusal)
      }),
    }),
  })
}

describe('decision 13: refusals are per item', () => {
  it('the others are signed, positions keep their index, every refuser and reason is reported', () => {
    const run = runRefusing({
      1: { 0: 'policy_denied', 8: 'request_replayed' },
      2: { 3: 'key_frozen' },
      3: { 8: 'policy_denied' },
    })
    const outcomes = assembleRun(c, run)
    expect(outcomes[0]).toEqual({ type: 'refused', by: new Map([[1, 'policy_denied']]) })
    expect(outcomes[3]).toEqual({ type: 'refused', by: new Map([[2, 'key_frozen']]) })
    expect(outcomes[8]).toEqual({
      type: 'refused',
      by: new Map([
        [1, 'request_replayed'],
        [3, 'policy_denied'],
      ]),
    })
    for (const b of [1, 2, 4, 5, 6, 7])
      expectEcdsa(outcomes[b], c.items[b]?.publicKey as Uint8Array, c.items[b]?.input as Uint8Array)
    for (const id of c.signers) expect(run.commits.get(id)).toEqual([{ type: 'answer', present: [1, 2, 4, 5, 6, 7] }])
    expect([...run.ends.values()]).toEqual(c.signers.map(() => ({ type: 'done', result: { present: [1, 2, 4, 5, 6, 7] } })))
  })

  it('every item refused by somebody: nothing is answered for, nothing breaks', () => {
    const all = Object.fromEntries(c.items.map((_, b) => [b, 'key_not_found' as const]))
    for (const refusals of [{ 2: all }, { 1: all, 2: all, 3: all }]) {
      const run = runRefusing(refusals)
      expect(assembleRun(c, run).every((o) => o.type === 'refused')).toBe(true)
      for (const id of c.signers) expect(run.commits.get(id)).toEqual([{ type: 'answer', present: [] }])
    }
  })

  it('a refused item has no point on the wire, and the other points are those of the full batch', () => {
    const full = openingsOf(runHm(c))
    const some = openingsOf(runRefusing({ 2: { 4: 'policy_denied' } }))
    const read = (body: Uint8Array | undefined) => openingOf(group).read(body as Uint8Array, 2, c.items.length)
    expect(read(some.get(2)).points).toEqual(read(full.get(2)).points.with(4, null))
    expect(read(some.get(2)).refusals[4]).toBe('policy_denied')
    expect(some.get(1)).toEqual(full.get(1))
  })

  it('every refusal travels and is read as itself', () => {
    for (const name of Object.keys(REFUSALS) as Refusal[]) {
      expect(assembleRun(c, runRefusing({ 3: { 5: name } }))[5]).toEqual({ type: 'refused', by: new Map([[3, name]]) })
    }
  })
})
