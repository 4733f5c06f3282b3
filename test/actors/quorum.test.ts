import { describe, expect, it } from 'vitest'
import { fewestMarks, QuorumPicker } from '../../src/actors/quorum.ts'

const none = new Map<number, number>()

describe('quorums', () => {
  it.each([
    [[1, 2, 3], 2],
    [[1, 2, 3], 3],
    [[1, 2, 3, 4, 5], 3],
    [[2, 5, 7, 11], 2],
  ])('of %j use every signer equally often', (candidates, size) => {
    const picker = new QuorumPicker()
    const used = new Map<number, number>()
    for (let i = 0; i < candidates.length * 20; i++) {
      const set = picker.pick(candidates, size, none) as readonly number[]
      expect(new Set(set).size).toBe(size)
      expect([...set].sort((a, b) => a - b)).toEqual(set)
      for (const id of set) used.set(id, (used.get(id) ?? 0) + 1)
    }
    expect([...used.keys()].sort((a, b) => a - b)).toEqual(candidates)
    expect(new Set(used.values()).size).toBe(1)
  })

  it('are none when there are too few candidates', () => {
    const picker = new QuorumPicker()
    expect(picker.pick([1], 2, none)).toBeNull()
    expect(picker.pick([], 2, none)).toBeNull()
    expect(fewestMarks([1, 2], 3, none)).toBeNull()
  })

  it('leave out whoever has most marks, at every turn, and still take it when nobody else is there', () => {
    const picker = new QuorumPicker()
    const marks = new Map([[2, 100]])
    for (let i = 0; i < 7; i++) expect(picker.pick([1, 2, 3], 2, marks)).toEqual([1, 3])
    expect(picker.pick([2, 3], 2, marks)).toEqual([2, 3])
    expect(fewestMarks([1, 2, 3, 4], 3, marks)).toEqual([1, 3, 4])
  })

  it('find the pair without a saboteur whom nobody can name, within three sessions, wherever the turn stands', () => {
    for (let start = 0; start < 3; start++) {
      for (const saboteur of [1, 2, 3]) {
        const picker = new QuorumPicker()
        for (let i = 0; i < start; i++) picker.pick([1, 2, 3], 2, none)
        const marks = new Map<number, number>()
        let sessions = 0
        for (;;) {
          sessions += 1
          const set = picker.pick([1, 2, 3], 2, marks) as readonly number[]
          if (!set.includes(saboteur)) break
          for (const id of set) marks.set(id, (marks.get(id) ?? 0) + 1)
        }
        expect(sessions).toBeLessThanOrEqual(3)
      }
    }
  })
})
