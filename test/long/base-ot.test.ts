import { describe, expect, it } from 'vitest'
import { group, pointsOfChoice, unevenBits } from '../protocol/dkls23/base-ot-run.ts'

const PARTS = 313

describe('what a base-OT sender sees of ten thousand choices of each kind', () => {
  it.each([0x00, 0xff] as const)(
    'O-01 all choices %i: on either side every point is valid, and no bit of it is uneven',
    (fill) => {
      for (const points of pointsOfChoice(fill, PARTS)) {
        expect(points.length).toBeGreaterThan(10_000)
        expect(points.every((point) => group.isPoint(point))).toBe(true)
        expect(unevenBits(points)).toEqual([])
      }
    },
  )
})
