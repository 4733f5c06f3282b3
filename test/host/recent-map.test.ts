import { expect, it } from 'vitest'
import { RecentMap } from '../../src/host/recent-map.ts'

it('holds so many entries and no more: the one not used for longest goes', () => {
  const map = new RecentMap<string, number>(3)
  for (const [i, name] of ['a', 'b', 'c'].entries()) map.set(name, i)
  expect(map.get('a')).toBe(0)
  map.set('b', 9)
  map.set('d', 3)
  expect([map.size, map.get('c'), map.get('a'), map.get('b'), map.get('d')]).toEqual([3, undefined, 0, 9, 3])
  for (let i = 0; i < 100; i++) map.set(`x${i}`, i)
  expect([map.size, map.get('x96'), map.get('x97')]).toEqual([3, undefined, 97])
  map.delete('x97')
  expect([map.size, map.get('x97')]).toEqual([2, undefined])
})
