import { describe, expect, it } from 'vitest'
import { nameOf, type Parcel, type Rule, whenOf } from '../../simulator/relay.ts'
import { expectSameInAnyOrder, SCHEDULED } from '../../simulator/schedules.ts'
import { chat, endings, finished } from './chatter.ts'

const all = [1, 2, 3]
const honest = chat('honest')
const transcripts = (run: typeof honest): readonly string[] =>
  [...run.ends.values()].map((end) => (end.type === 'done' ? end.result.transcript : 'none'))

const orders = <T>(items: readonly T[]): readonly (readonly T[])[] =>
  items.length < 2 ? [items] : items.flatMap((first, i) => orders(items.toSpliced(i, 1)).map((rest) => [first, ...rest]))

describe('14.1 lost and reordered', () => {
  it.each(all.flatMap((to) => [1, 2, 3].map((round) => [round, to] as const)))(
    'every order in which the messages of round %i can reach signer %i: the same words and transcript',
    (round, to) => {
      const parcels = honest.sent.filter((p) => p.round === round && p.to === to)
      const every = orders(parcels)
      expect(every.length).toBe(round === 2 ? 24 : 2)
      for (const order of every) {
        const rules = order.map((p, i): Rule => ({ when: whenOf(p), act: (parcel) => [{ ...parcel, late: i + 1 }] }))
        const run = chat('honest', { rules })
        expect(finished(run), order.map(nameOf).join('; ')).toEqual(all)
        expect(transcripts(run)).toEqual(transcripts(honest))
      }
    },
  )

  it('every third pair of messages lost: silence, nobody named, and the lost ones are missed by whom they were for', () => {
    for (const [i, first] of honest.sent.entries()) {
      for (const second of honest.sent.slice(i + 1).filter((_, k) => (i + k) % 3 === 0)) {
        const lost = [first, second]
        const run = chat('honest', { rules: lost.map((p) => ({ when: whenOf(p), act: () => [] })) })
        const where = lost.map(nameOf).join('; ')
        expect(
          Object.values(endings(run)).filter((end) => end !== 'done' && end !== 'TIMEOUT'),
          where,
        ).toEqual([])
        const earliest = Math.min(first.round, second.round)
        for (const p of lost.filter((q) => q.round === earliest) as readonly Parcel[]) {
          expect(endings(run)[p.to], where).toBe('TIMEOUT')
          expect(run.missing.get(p.to), where).toContain(p.from)
        }
        finished(run)
      }
    }
  })
})

describe('T-04 random schedules, with the same result as the ordered run', () => {
  // A thousand in all; npm run test:long makes it a thousand for each protocol.
  it.each(Object.keys(SCHEDULED))('%s', (name) =>
    expectSameInAnyOrder(name, /pair|DKLs/.test(name) ? 4 : /prss/.test(name) ? 15 : /key/.test(name) ? 50 : 300),
  )
})
