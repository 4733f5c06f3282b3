import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Loot } from './loot.ts'
import { FREE_FIELDS, firstLoot, GENERAL_SCRIPTS, MUTANTS, type Row, tableOf } from './mutants.ts'
import { FORGED, KEYS, makeScene, nonceOf, runAll, type Scene, totals } from './scene.ts'
import { intOf, Point, type Session } from './session.ts'

// hm 7.4 and decision 20: the same scripts against builds with something left out, where they must succeed, and against production.

function expectLoot(loot: Loot, row: Row): void {
  if (row.outcome === 'key extracted') expect(loot).toEqual({ type: 'key', value: row.secret })
  // `forgeryOf` has verified it with an independent library, under the true key; nobody approved its digest.
  else if (row.outcome === 'forgery') expect(loot.type).toBe('forgery')
  else expect(loot.type).toBe('nothing')
}

const titleOf = (row: Row): string => `${row.mutant} (${row.from}; tickets ${row.tickets}, corrupt ${row.corrupt})`

describe('hm 7.4 mutants: each falls to its script or is redundant', () => {
  for (const row of MUTANTS) it(`${titleOf(row)}, ${row.script}: ${row.outcome}`, () => expectLoot(row.attack(), row))
})

describe('hm 7.4 attacks: the same scripts against production', () => {
  const scripts = new Map(MUTANTS.filter((r) => r.production !== null).map((r) => [`${r.script}, tickets ${r.tickets}`, r]))
  for (const [name, row] of scripts) {
    it(`${name}, corrupt ${row.corrupt}: nothing`, () => expect(row.production?.()?.type).toBe('nothing'))
  }

  it('whichever signer is corrupt, no general script finds anything', () => {
    for (const corrupt of [1, 2]) {
      for (const tickets of [true, false])
        expect(firstLoot(GENERAL_SCRIPTS, { missing: null, tickets, corrupt }).type).toBe('nothing')
    }
  })
})

describe('hm 7.4 mutants: what the table says beside its rows', () => {
  it('a flipped bit in a repeated context costs production its key when tickets are off: that is what they are for', () => {
    const options = { missing: null, fault: true } as const
    expect(firstLoot(['repeatedWithFault'], { ...options, tickets: false })).toEqual({
      type: 'key',
      value: intOf(KEYS.a.dealt.secret),
    })
    expect(firstLoot(['repeatedWithFault', 'freshTicketWithFault'], { ...options, tickets: true }).type).toBe('nothing')
  })

  it('kid: another generation has other keys, so its points are others although ctx is the same', () => {
    const missing = { fields: ['kids'] } as const
    const [old, rotated] = ['first', 'second'].map((generation) => {
      const scene = makeScene({ missing, tickets: false, generation })
      return runAll(scene, () => scene.session([scene.item(KEYS.a, 5n)])).lists
    })
    for (const id of [1, 2, 3]) expect(rotated?.get(id)?.[0]?.equals(old?.get(id)?.[0] as Point)).toBe(false)
  })
})

describe('hm 7.4 mutants: nothing in a share depends on redundant fields', () => {
  const answers = (scene: Scene, session: Session) => runAll(scene, () => session).answers
  for (const { field, vary } of FREE_FIELDS) {
    it(`${field}: with it out of ctx a changed one gives the same bytes; with it in ctx, unrelated ones`, () => {
      const mutant = makeScene({ missing: { fields: [field] }, tickets: false })
      const session = mutant.session([mutant.item(KEYS.a, 5n)])
      expect(answers(mutant, vary(session))).toEqual(answers(mutant, session))
      const whole = makeScene({ missing: {}, tickets: false })
      const [changed, plain] = [answers(whole, vary(session)), answers(whole, session)]
      for (const id of [1, 2, 3]) {
        expect(changed.get(id)?.[0]?.mu).not.toBe(plain.get(id)?.[0]?.mu)
        expect(changed.get(id)?.[0]?.nu).not.toBe(plain.get(id)?.[0]?.nu)
      }
    })
  }

  it('key, epoch, tweak and digest do change what is answered, also when ctx does not have them', () => {
    const scene = makeScene({
      missing: { fields: ['keyId', 'epochId', 'publicKey', 'requestHash', 'tweak', 'digest'] },
      tickets: false,
    })
    const sessions = [
      scene.item(KEYS.a, 5n),
      scene.item(KEYS.b, 5n),
      scene.item(KEYS.aRefreshed, 5n),
      scene.item(KEYS.a, 6n),
      scene.item(KEYS.a, 5n, 1n),
    ].map((item) => answers(scene, scene.session([item])))
    expect(new Set(sessions.map((s) => s.get(1)?.[0]?.mu)).size).toBe(1)
    expect(new Set(sessions.map((s) => s.get(1)?.[0]?.nu)).size).toBe(sessions.length)
  })
})

describe('hm 7.4 mutants: the scripts themselves', () => {
  it('run honest sessions: what they break does sign', () => {
    for (const missing of [null, {}]) {
      const scene = makeScene({ missing, tickets: true })
      const { lists, answers } = runAll(scene, () => scene.session([scene.item(KEYS.a, 5n)]))
      const { s } = totals(answers)
      const R = nonceOf(lists)
      // s R = z G + r X
      const right = Point.BASE.multiply(5n).add(Point.fromBytes(KEYS.a.dealt.publicKey).multiply(R.toAffine().x % Point.Fn.ORDER))
      expect(R.multiply(s).equals(right)).toBe(true)
    }
  })

  it('a forgery of the split scripts is one on the digest that nobody approved', () => {
    for (const script of ['splitDigest', 'splitTweak', 'withoutApproval']) {
      const row = MUTANTS.find((r) => r.script === script)
      expect(row?.attack()).toMatchObject({ type: 'forgery', digest: FORGED })
    }
  })

  it('a refresh changes every share and not the key', () => {
    expect(KEYS.a.shareOf(1)).not.toBe(KEYS.aRefreshed.shareOf(1))
    expect(2n * KEYS.aRefreshed.shareOf(1) - KEYS.aRefreshed.shareOf(2) - intOf(KEYS.a.dealt.secret)).toSatisfy(
      (d: bigint) => d % Point.Fn.ORDER === 0n,
    )
  })

  it('README.md shows this table', () => {
    const readme = readFileSync(new URL('./README.md', import.meta.url), 'utf8')
    expect(readme).toContain(tableOf(MUTANTS))
  })
})
