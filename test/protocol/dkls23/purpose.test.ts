import { describe, expect, it } from 'vitest'
import { pairedPurpose, pairsOf } from '../../../src/protocol/dkls23/purpose.ts'
import { SetupError } from '../../../src/protocol/engine/fault.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'

const rng = seededRng('purpose')
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

describe('the purpose of a DKLs23 session', () => {
  it('names every two signers once, smaller id first, in order', () => {
    expect(pairsOf([3, 1, 2])).toEqual([
      [1, 2],
      [1, 3],
      [2, 3],
    ])
    expect(pairsOf([7, 4])).toEqual([[4, 7]])
    expect(pairsOf(Array.from({ length: 16 }, (_, i) => i + 1))).toHaveLength(120)
  })

  it('another instance, another set-up, another order or number of either is another session', () => {
    const [a, b, p, q] = [rng(200), rng(200), rng(32), rng(32)]
    const all = [
      pairedPurpose([a, b], [p, q]),
      pairedPurpose([b, a], [p, q]),
      pairedPurpose([a], [p, q]),
      pairedPurpose([a, b], [q, p]),
      pairedPurpose([a, b], [p]),
      pairedPurpose([a, b], [p, p]),
      pairedPurpose([a, b], []),
      pairedPurpose([a, b], [p, Uint8Array.from(q, (byte, i) => (i === 31 ? byte ^ 1 : byte))]),
    ]
    expect(new Set(all.map(hex)).size).toBe(all.length)
    for (const purpose of all) expect(purpose).toHaveLength(32)
  })

  it('refuses what no session may be about, as every engine does', () => {
    const instance = rng(200)
    expect(() => pairedPurpose([], [])).toThrow(SetupError)
    expect(() => pairedPurpose([instance, instance], [rng(32)])).toThrow(SetupError)
  })
})
