import { describe, expect, it } from 'vitest'
import { GENERATION_LIFE_MS, GenerationRing, generationDigest } from '../../src/actors/generation-ring.ts'
import { type Generation, makeSharedKey } from '../../src/protocol/prss/generation.ts'
import { seededRng } from '../simulator/seeded-rng.ts'

function generation(name: string, signers: readonly number[] = [1, 2, 3]): Generation {
  const rng = seededRng(name)
  const pairs = new Map(signers.filter((id) => id !== 1).map((id) => [id, makeSharedKey([1, id], rng(32), rng(32))]))
  return { signers, threshold: 2, kids: [...pairs.values()].map((k) => k.kid), pairs, subsets: [...pairs.values()] }
}
const isWiped = (g: Generation): boolean => [...g.pairs.values()].every((k) => [...k.prf, ...k.mac].every((b) => b === 0))
const find = (ring: GenerationRing, g: Generation, now: number) => ring.find(2, g.signers, generationDigest(g.kids), now)

describe('PRSS generations of a worker', () => {
  it('are found by set, threshold and digest, and by nothing less', () => {
    const ring = new GenerationRing()
    const g = generation('g')
    ring.add(g, 0)
    expect(find(ring, g, 1)).toBe(g)
    expect(ring.find(3, [1, 2, 3], generationDigest(g.kids), 1)).toBeUndefined()
    expect(ring.find(2, [1, 2, 4], generationDigest(g.kids), 1)).toBeUndefined()
    expect(ring.find(2, [1, 2, 3], new Uint8Array(32), 1)).toBeUndefined()
  })

  it('overlap for a minute at rotation; then the old one is wiped', () => {
    const ring = new GenerationRing()
    const [old, next] = [generation('old'), generation('next')]
    ring.add(old, 0)
    ring.add(next, 1000)
    expect(ring.current(1000)).toEqual([next])
    expect([find(ring, old, 60_999), find(ring, next, 60_999)]).toEqual([old, next])
    expect(find(ring, old, 61_000)).toBeUndefined()
    expect([isWiped(old), isWiped(next)]).toEqual([true, false])
  })

  it('are two at most per set, however fast a coordinator makes new ones', () => {
    const ring = new GenerationRing()
    const all = Array.from({ length: 5 }, (_, i) => generation(`fast ${i}`))
    for (const g of all) ring.add(g, 0)
    expect(all.map((g) => find(ring, g, 1) !== undefined)).toEqual([false, false, false, true, true])
    expect(all.map(isWiped)).toEqual([true, true, true, false, false])
  })

  it('end after a day, wiped', () => {
    const ring = new GenerationRing()
    const g = generation('day')
    ring.add(g, 0)
    expect(find(ring, g, GENERATION_LIFE_MS - 1)).toBe(g)
    ring.expire(GENERATION_LIFE_MS)
    expect([find(ring, g, GENERATION_LIFE_MS), isWiped(g)]).toEqual([undefined, true])
    expect(ring.current(GENERATION_LIFE_MS)).toEqual([])
  })

  it('are kept for 16 sets, the last made; all are wiped at the end', () => {
    const ring = new GenerationRing()
    const all = Array.from({ length: 17 }, (_, i) => generation(`set ${i}`, [1, 2, i + 3]))
    for (const g of all) ring.add(g, 0)
    expect(ring.current(0)).toEqual(all.slice(1))
    expect(all.map(isWiped)).toEqual(all.map((_, i) => i === 0))
    ring.wipe()
    expect(all.every(isWiped)).toBe(true)
    expect(ring.current(0)).toEqual([])
  })
})
