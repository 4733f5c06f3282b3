import { describe, expect, it } from 'vitest'
import { pointCache } from '../../../src/host/curve/point-cache.ts'

const point = (n: number): Uint8Array => Uint8Array.of(n >> 8, n & 255, 0x80, 0xff)

describe('point cache', () => {
  it('finds an entry by content, also in a view of a larger buffer', () => {
    const cache = pointCache<string>(4)
    cache.set(point(1), 'one')
    const inside = Uint8Array.of(9, 9, ...point(1), 9).subarray(2, 6)
    expect(cache.get(inside)).toBe('one')
    expect(cache.get(point(2))).toBeUndefined()
    expect(cache.get(point(1).subarray(0, 3))).toBeUndefined()
  })

  it('C-07 is not fooled when the caller changes the buffer later', () => {
    const cache = pointCache<true>(4)
    const bytes = point(1)
    cache.set(bytes, true)
    bytes[0] = 77
    expect(cache.get(bytes)).toBeUndefined()
    expect(cache.get(point(1))).toBe(true)
  })

  it('holds no more than its bound and forgets the oldest first', () => {
    const cache = pointCache<number>(100)
    for (let i = 0; i < 1_000; i++) cache.set(point(i), i)
    const held = Array.from({ length: 1_000 }, (_, i) => i).filter((i) => cache.get(point(i)) !== undefined)
    expect(held).toEqual(Array.from({ length: 100 }, (_, i) => 900 + i))
    // Setting again replaces and does not evict.
    cache.set(point(950), -1)
    expect(cache.get(point(950))).toBe(-1)
    expect(cache.get(point(900))).toBe(900)
  })
})
