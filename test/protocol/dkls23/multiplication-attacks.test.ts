import { describe, expect, it } from 'vitest'
import { correlate } from '../../../src/protocol/dkls23/extension.ts'
import { receive, rootOf, send, TRANSFER } from '../../../src/protocol/dkls23/multiplication.ts'
import { rowBytes, XI } from '../../../src/protocol/dkls23/parameters.ts'
import { RVOLE_ONE, RVOLE_TWO, RvoleSender } from '../../../src/protocol/dkls23/rvole.ts'
import { concat, equalBytes, toHex } from '../../../src/protocol/engine/bytes.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'
import { faultOf } from '../signing/fault-of.ts'
import { xor } from './cheating-receiver.ts'
import { CheatingSender } from './cheating-sender.ts'
import { bitOf } from './dealt-pair.ts'
import { ALICE, BOB, directionOf, isProduct, sceneOf } from './rvole-run.ts'

const RANGE = Array.from({ length: XI }, (_, J) => J)

describe('a sender that cheats in the multiplication', () => {
  const scene = sceneOf('cheating sender')
  const { group, context, choices } = scene
  const one = RVOLE_ONE.decode(scene.bob().message)
  const direction = directionOf(scene)
  const { delta } = scene.pair.sender
  const rows = correlate(scene.pair.sender, direction.sid, one, 1, BOB)
  const [u, v] = [group.randomScalar(scene.rng), group.randomScalar(scene.rng)]

  // What an honest Alice draws, so that the cheating one has the same shares c.
  const draws = { nonce: scene.rng(32), hat: scene.rng(48) }
  const replay = () => {
    const queue = [draws.nonce, draws.hat].map((bytes) => Uint8Array.from(bytes))
    return () => queue.shift() as Uint8Array
  }
  const honest = RvoleSender.accept(context, scene.pair.sender, scene.bob().message).answer([0], [u], [v], replay())
  const cheat = new CheatingSender(group, direction.sid, { rows, delta }, draws.nonce, [u, v, group.reduceWide(draws.hat)])

  /** Whether Bob goes on, and if so, with the right products. If he does not, it is for the check, and he names Alice. */
  function accepts(message: Uint8Array): boolean {
    const bob = scene.bob()
    try {
      const { du, dv } = bob.finish(message, [0])
      expect(isProduct(group, u, at(bob.b), at(honest.cu), at(du))).toBe(true)
      expect(isProduct(group, v, at(bob.b), at(honest.cv), at(dv))).toBe(true)
      return true
    } catch (error) {
      expect(error).toMatchObject({ name: 'Fault', code: 'RVOLE_CHECK', culprits: [ALICE] })
      return false
    } finally {
      bob.wipe()
    }
  }

  const shifted = (scalar: Uint8Array): Uint8Array => group.addAssign(Uint8Array.from(scalar), group.scalar(1))

  it('says what an honest one says when it does not cheat, and that passes', () => {
    const message = cheat.message((same) => same)
    expect(message).toEqual(honest.message)
    expect(accepts(message)).toBe(true)
  })

  it.each([0, 1, 2])(
    '14.4 at, O-08: one transfer of column %i altered passes exactly where Bob did not choose it, with the right products',
    (m) => {
      let accepted = 0
      for (let J = 7 * m; J < XI; J += 21) {
        const message = cheat.message((all) =>
          all.map((three, n) => (n === J ? three.with(m, shifted(three[m] as Uint8Array)) : three)),
        )
        const chosen = bitOf(choices, J) === 1
        expect(accepts(message), `transfer ${J}`).toBe(!chosen)
        if (!chosen) accepted += 1
      }
      expect(accepted).toBeGreaterThan(0)
    },
  )

  it('14.4 at: two altered at once pass where Bob chose neither; all of them never', () => {
    for (let J = 0; J < 48; J += 2) {
      const message = cheat.message((all) => all.map((three, n) => (n === J || n === J + 1 ? three.map(shifted) : three)))
      expect(accepts(message)).toBe(bitOf(choices, J) + bitOf(choices, J + 1) === 0)
    }
    expect(accepts(cheat.message((all) => all.map((three) => three.map(shifted))))).toBe(false)
  })

  it('14.4 at: permuted', () => {
    const [J, K] = RANGE.filter((n) => bitOf(choices, n) === 0) as [number, number]
    const chosen = RANGE.find((n) => bitOf(choices, n) === 1) as number
    const swapped = (a: number, b: number) =>
      cheat.message((all) => all.map((three, n) => (n === a ? all[b] : n === b ? all[a] : three) as readonly Uint8Array[]))
    expect(accepts(swapped(J, K))).toBe(true)
    expect(accepts(swapped(J, chosen))).toBe(false)
    expect(accepts(cheat.message((all) => [...all.slice(1), ...all.slice(0, 1)]))).toBe(false)
    expect(accepts(cheat.message((all) => [...all].reverse()))).toBe(false)
  })

  it('14.4 at, O-08: altered on the way, no transfer passes, chosen or not: theta and mu are hashes of all of them', () => {
    const two = RVOLE_TWO.decode(honest.message)
    for (const J of [0, 1, 200, XI - 1]) {
      for (const byte of [1, 31, 63, 95]) {
        const place = 96 * J + byte
        const changed = two.at.with(place, (two.at[place] as number) ^ 1)
        expect(accepts(RVOLE_TWO.encode({ ...two, at: changed }))).toBe(false)
      }
    }
  })

  it.each(['eta', 'mu', 'nonce'] as const)('14.4 eta, mu, nonce_A, O-08: any change of %s', (field) => {
    const two = RVOLE_TWO.decode(honest.message)
    for (const place of [1, 15, 31]) {
      for (const bit of [1, 64]) {
        const changed = two[field].with(place, (two[field][place] as number) ^ bit)
        expect(accepts(RVOLE_TWO.encode({ ...two, [field]: changed }))).toBe(false)
      }
    }
    expect(accepts(RVOLE_TWO.encode({ ...two, [field]: new Uint8Array(32) }))).toBe(false)
  })

  it('ends after one message of either side, and gives nothing after wiping', () => {
    const bob = scene.bob()
    bob.finish(honest.message, [0])
    expect(() => bob.finish(honest.message, [0])).toThrow('ended')
    const alice = RvoleSender.accept(context, scene.pair.sender, scene.bob().message)
    alice.wipe()
    expect(() => alice.answer([0], [u], [v], scene.rng)).toThrow('ended')
    bob.wipe()
    for (const b of bob.b) expect(b).toEqual(new Uint8Array(32))
  })
})

describe('message 2 of a wrong form', () => {
  const scene = sceneOf('form', 3)
  const { group } = scene
  const inputs = [0, 1].map(() => group.randomScalar(scene.rng))
  const alice = RvoleSender.accept(scene.context, scene.pair.sender, scene.bob().message)
  const present = [0, 2]
  const { message } = alice.answer(present, inputs, inputs, scene.rng)
  const two = RVOLE_TWO.decode(message)
  const refused = (bytes: Uint8Array): void => {
    const bob = scene.bob()
    expect(faultOf(() => bob.finish(bytes, present))).toMatchObject({ code: 'SIGN_MALFORMED', culprits: [ALICE] })
  }
  const q = group.order
  const outOfRange = [q, q + 1n, (1n << 256n) - 1n].map((n) =>
    Uint8Array.from({ length: 32 }, (_, k) => Number((n >> BigInt(8 * (31 - k))) & 255n)),
  )

  it('14.4 at range: scalars that are not below the order, wherever they stand, are malformed and no ban', () => {
    const scalars = two.at.length / 32
    for (const scalar of outOfRange) {
      for (const n of [0, 1, 2, 11, scalars / 2 - 1, scalars / 2, scalars - 1]) {
        const at = Uint8Array.from(two.at)
        at.set(scalar, 32 * n)
        refused(RVOLE_TWO.encode({ ...two, at }))
      }
      for (const k of [0, 1]) {
        const eta = Uint8Array.from(two.eta)
        eta.set(scalar, 32 * k)
        refused(RVOLE_TWO.encode({ ...two, eta }))
      }
    }
  })

  it('14.4 at range: wrong counts', () => {
    for (const size of [0, TRANSFER, 2 * TRANSFER - 32, 2 * TRANSFER - 1, 2 * TRANSFER + 1, 3 * TRANSFER, 64 * TRANSFER]) {
      refused(RVOLE_TWO.encode({ ...two, at: new Uint8Array(size) }))
    }
    for (const size of [0, 32, 63, 65, 96]) refused(RVOLE_TWO.encode({ ...two, eta: new Uint8Array(size) }))
    refused(message.subarray(0, message.length - 1))
    refused(concat(message, new Uint8Array(1)))
    refused(new Uint8Array(0))
    refused(scene.bob().message)
    refused(new Uint8Array(2 ** 22))
  })

  it('a list of present instances that is none, or inputs for others, are a mistake of ours', () => {
    const again = RvoleSender.accept(scene.context, scene.pair.sender, scene.bob().message)
    for (const wrong of [
      [1, 0],
      [0, 0],
      [2, 3],
      [-1, 0],
      [0, 0.5],
    ]) {
      expect(() => scene.bob().finish(message, wrong)).toThrow(RangeError)
      expect(() => again.answer(wrong, inputs, inputs, scene.rng)).toThrow(RangeError)
    }
    const three = [...inputs, scene.group.randomScalar(scene.rng)]
    for (const [u, v] of [
      [three, inputs],
      [inputs, three],
    ] as const) {
      expect(() => again.answer(present, u, v, scene.rng)).toThrow(RangeError)
    }
    // None of these attempts was one.
    expect(again.answer(present, inputs, inputs, scene.rng).cu).toHaveLength(2)
  })
})

describe('pads', () => {
  it('14.4 nonce_B: of one message 1 presented twice are fresh: no transfer, check value or hash comes again', () => {
    const scene = sceneOf('repeated nonce_B')
    const { message } = scene.bob()
    const [u, v] = [scene.group.randomScalar(scene.rng), scene.group.randomScalar(scene.rng)]
    const answers = [0, 1].map(() => {
      const alice = RvoleSender.accept(scene.context, scene.pair.sender, message)
      return RVOLE_TWO.decode(alice.answer([0], [u], [v], scene.rng).message)
    })
    const scalars = answers.map(({ at }) =>
      RANGE.flatMap((J) => [0, 32, 64].map((k) => toHex(at.subarray(96 * J + k, 96 * J + k + 32)))),
    )
    expect(new Set(scalars.flat()).size).toBe(2 * 3 * XI)
    const [first, second] = answers as [(typeof answers)[0], (typeof answers)[0]]
    for (const field of ['nonce', 'eta', 'mu'] as const) expect(equalBytes(first[field], second[field])).toBe(false)
    // Both are answers that Bob can use.
    for (const answer of answers) expect(() => scene.bob().finish(RVOLE_TWO.encode(answer), [0])).not.toThrow()
  })

  it('O-06: the index of the OT and of the instance are in them: equal rows give other transfers', () => {
    const scene = sceneOf('equal rows', 2)
    const direction = directionOf(scene)
    const rng = seededRng('equal rows')
    const zero = [new Uint8Array(32), new Uint8Array(32)]
    const row = rng(16)
    const rows = concat(...Array.from({ length: 2 * XI }, () => row))
    expect(rows.length).toBe(rowBytes(2))
    const { at } = send(direction, rng(16), rows, [0, 1], { u: zero, v: zero }, rng)
    const scalars = Array.from({ length: at.length / 32 }, (_, n) => toHex(at.subarray(32 * n, 32 * (n + 1))))
    expect(new Set(scalars).size).toBe(2 * 3 * XI)
  })

  it('O-06: every name of the session is in theta, mu and pads: one of them changed and the check fails', () => {
    const scene = sceneOf('names of the session')
    const { context, pair } = scene
    const [u, v] = [scene.group.randomScalar(scene.rng), scene.group.randomScalar(scene.rng)]
    const message = RVOLE_TWO.decode(
      RvoleSender.accept(context, pair.sender, scene.bob().message).answer([0], [u], [v], scene.rng).message,
    )
    const direction = directionOf(scene)
    const rows = correlate(pair.sender, direction.sid, RVOLE_ONE.decode(scene.bob().message), 1, BOB)
    // Bob's rows: T_J = Q_J xor beta_J Delta.
    const own = concat(
      ...RANGE.map((J) => {
        const row = rows.subarray(16 * J, 16 * (J + 1))
        return bitOf(scene.choices, J) === 1 ? xor(row, pair.sender.delta) : row
      }),
    )
    const muOf = (other: typeof direction) => receive(other, own, scene.choices, [0], message, rootOf(other, message)).mu
    expect(muOf(direction)).toEqual(message.mu)
    const { sid } = direction
    expect(muOf({ ...direction, sid: sid.with(0, (sid[0] as number) ^ 1) })).not.toEqual(message.mu)
  })
})

const at = (list: readonly Uint8Array[]): Uint8Array => list[0] as Uint8Array
