import { beforeAll, describe, expect, it } from 'vitest'
import type { PairSecret } from '../../../../src/protocol/dkls23/pair-record.ts'
import { pairSecret, scalarBytes } from './as-production.ts'
import { encode, SECP256K1 } from './curve.ts'
import type { Driven } from './drive.ts'
import { pack } from './framing.ts'
import { integer, join, TH } from './hashing.ts'
import { driveSetup, rehearsal, sidesOf } from './production-setup.ts'
import { type Alice, alice, type Bob, bob, type Context } from './rvole.ts'
import { setup } from './setups.ts'

describe('oracle and production set a pair up', () => {
  const made = setup('cross', 3, 8)
  const sides = sidesOf(made)
  let driven: ReadonlyMap<number, Driven<PairSecret>> = new Map()

  beforeAll(() => {
    driven = driveSetup(made)
  }, 60_000)

  it('keeps the same secrets, and draws nothing else', () => {
    for (const { id, asAlice, asBob } of sides) {
      const pair = pairSecret({ asAlice: asAlice.forAlice, asBob: asBob.forBob, zseed: made.zseed })
      expect(driven.get(id)?.result).toEqual({ ...pair, pairId: made.pairId })
    }
  })

  const said = (id: number): readonly Uint8Array[] =>
    driven.get(id)?.exchanges.map(({ direct }) => [...(direct?.values() ?? [])][0] as Uint8Array) ?? []

  it('says the same: offers, points, confirmation', () => {
    for (const { id, part, asAlice, asBob } of sides) {
      const points = asAlice.phi.flat().map(encode)
      expect(said(id)).toHaveLength(9)
      expect(said(id)[0]).toEqual(pack(asAlice.nonceA, encode(asBob.aPoint)))
      for (const n of [0, 1, 2, 3]) expect(said(id)[1 + n]).toEqual(pack(join(...points.slice(64 * n, 64 * (n + 1)))))
      expect(said(id)[8]).toEqual(pack(TH('pair-ok', made.pairId, integer(id, 2)), part))
    }
  })

  it('rehearses the same multiplications, and opens them', () => {
    const [one, other] = sides
    const context = (from: number, to: number): Context => ({
      curve: SECP256K1,
      suite: 1,
      ctx: TH('rehearsal', made.session),
      alice: from,
      bob: to,
      count: 1,
    })
    const bobs = new Map<number, Bob>()
    for (const { id, asBob } of sides) bobs.set(id, bob(context(asBob.alice, id), asBob.forBob, rehearsal(id).asBob))
    const answers = new Map<number, ReturnType<Alice['answer']>>()
    for (const { id, asAlice } of sides) {
      const { u, v, asAlice: random } = rehearsal(id)
      const peer = asAlice.bob
      const sender = alice(context(id, peer), asAlice.forAlice, bobs.get(peer)?.message as Uint8Array)
      answers.set(id, sender.answer([0], [u], [v], random))
      expect(said(id).slice(5, 7)).toEqual([bobs.get(id)?.message, answers.get(id)?.message])
    }
    for (const [{ id }, { id: peer }] of [
      [one, other],
      [other, one],
    ] as const) {
      const { u, v } = rehearsal(id)
      const c = answers.get(id)
      const d = bobs.get(id)?.finish(answers.get(peer)?.message as Uint8Array, [0])
      const opened = [u, v, c?.cu[0], c?.cv[0], bobs.get(id)?.b[0], d?.du[0], d?.dv[0]]
      expect(said(id)[7]).toEqual(pack(...opened.map((value) => scalarBytes(value as bigint))))
    }
  })
})
