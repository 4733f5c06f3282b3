import { describe, expect, it } from 'vitest'
import { extend } from '../../../src/protocol/dkls23/extension.ts'
import { receive, rootOf } from '../../../src/protocol/dkls23/multiplication.ts'
import { BLOCK, columnBytes, LAMBDA, MAX_MULTIPLICATIONS } from '../../../src/protocol/dkls23/parameters.ts'
import { RVOLE_ONE, RVOLE_TWO, RvoleReceiver, RvoleSender } from '../../../src/protocol/dkls23/rvole.ts'
import { concat, equalBytes } from '../../../src/protocol/engine/bytes.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'
import { faultOf } from '../signing/fault-of.ts'
import { CheatingReceiver, sidOf, xor } from './cheating-receiver.ts'
import { bitOf, dealtDirection } from './dealt-pair.ts'
import { BOB, directionOf, isProduct, type Scene, sceneOf } from './rvole-run.ts'

/** A column with one bit set. */
const oneBit = (length: number, J: number): Uint8Array => new Uint8Array(length).with(J >> 3, 1 << (J & 7))

/** Whether Alice goes on; if she does not, it is for this check, and she names Bob. */
function accepts(scene: Scene, message: Uint8Array): boolean {
  try {
    RvoleSender.accept(scene.context, scene.pair.sender, message).wipe()
    return true
  } catch (error) {
    expect(error).toMatchObject({ name: 'Fault', code: 'OTE_CHECK', culprits: [BOB] })
    return false
  }
}

describe('a receiver that cheats in the OT extension', () => {
  const scene = sceneOf('cheating receiver')
  const length = columnBytes(1)
  const { delta } = scene.pair.sender
  const cheat = new CheatingReceiver(scene.context, scene.pair.receiver, scene.nonce, scene.choices)

  it('says what an honest one says when it does not cheat', () => {
    expect(cheat.message({ errors: new Map() })).toEqual(scene.bob().message)
  })

  it('14.4 U, O-08: 256 attempts, each a bet on one bit of Delta: it aborts exactly when the bet is lost', {
    timeout: 60_000,
  }, () => {
    let aborts = 0
    for (let i = 0; i < LAMBDA; i++) {
      const errors = new Map([[i, oneBit(length, 3 * i)]])
      for (const bet of [0, 1]) {
        const accepted = accepts(scene, cheat.message({ errors, ones: new Set(bet === 1 ? [i] : []) }))
        expect(accepted, `column ${i}, bet ${bet}`).toBe(bitOf(delta, i) === bet)
        if (!accepted) aborts += 1
      }
    }
    // The pair does not live to see the second one: the signer that aborts bans the other.
    expect(aborts).toBe(LAMBDA)
  })

  it('14.4 U: a bet that is won on a bit of 0 gives a correct session: the error never entered it', () => {
    const i = indexOf(delta, 0)
    const bob = scene.bob()
    const alice = RvoleSender.accept(
      scene.context,
      scene.pair.sender,
      cheat.message({ errors: new Map([[i, oneBit(length, 5)]]) }),
    )
    const [u, v] = [scene.group.randomScalar(scene.rng), scene.group.randomScalar(scene.rng)]
    const { message, cu, cv } = alice.answer([0], [u], [v], scene.rng)
    const { du, dv } = bob.finish(message, [0])
    expect(isProduct(scene.group, u, at(bob.b), at(cu), at(du))).toBe(true)
    expect(isProduct(scene.group, v, at(bob.b), at(cv), at(dv))).toBe(true)
  })

  it('14.4 U: a bet that is won on a bit of 1 gives one too, to a receiver that puts its error into its row', () => {
    const i = indexOf(delta, 1)
    const J = 77
    const { rows } = extend(scene.pair.receiver, sidOf(scene.context, scene.pair.receiver.psid, scene.nonce), scene.choices, 1)
    const place = BLOCK * J + (i >> 3)
    const shifted = rows.with(place, (rows[place] as number) ^ (1 << (i & 7)))
    const message = cheat.message({ errors: new Map([[i, oneBit(length, J)]]), ones: new Set([i]) })
    const alice = RvoleSender.accept(scene.context, scene.pair.sender, message)
    const [u, v] = [scene.group.randomScalar(scene.rng), scene.group.randomScalar(scene.rng)]
    const answer = alice.answer([0], [u], [v], scene.rng)
    const two = RVOLE_TWO.decode(answer.message)
    const honest = scene.bob()
    const direction = directionOf(scene)
    const outcome = (own: Uint8Array) => receive(direction, own, scene.choices, [0], two, rootOf(direction, two))
    const { mu, d } = outcome(shifted)
    expect(mu).toEqual(two.mu)
    expect(isProduct(scene.group, u, at(honest.b), at(answer.cu), at(d.u))).toBe(true)
    expect(outcome(rows).mu).not.toEqual(two.mu)
  })

  it.each([1, 2, 3, 8])('O-05 with other choices in %i columns: it passes only where Delta is 0 in all of them', (columns) => {
    const rng = seededRng(`polychrome ${columns}`)
    let accepted = 0
    for (let attempt = 0; attempt < 16; attempt++) {
      const scene = sceneOf(`polychrome ${columns} ${attempt}`)
      const cheat = new CheatingReceiver(scene.context, scene.pair.receiver, scene.nonce, scene.choices)
      const errors = new Map(Array.from({ length: columns }, (_, k) => [(attempt + 5 * k) % LAMBDA, rng(length)] as const))
      const lucky = [...errors.keys()].every((i) => bitOf(scene.pair.sender.delta, i) === 0)
      expect(accepts(scene, cheat.message({ errors }))).toBe(lucky)
      if (lucky) accepted += 1
    }
    // 16 * 2^-columns is expected; the seed fixes the number.
    expect(accepted).toBeLessThan(32 / 2 ** columns + 4)
  })

  it('14.4 U: other choices in all columns, U of zeros, and the columns of one another never pass', () => {
    const all = new Map(Array.from({ length: LAMBDA }, (_, i) => [i, oneBit(length, i)] as const))
    expect(accepts(scene, cheat.message({ errors: all }))).toBe(false)
    const { u, ...rest } = RVOLE_ONE.decode(scene.bob().message)
    const rotated = concat(u.subarray(length), u.subarray(0, length))
    for (const wrong of [new Uint8Array(u.length), rotated])
      expect(accepts(scene, RVOLE_ONE.encode({ ...rest, u: wrong }))).toBe(false)
    const zeros = new Map(Array.from({ length: LAMBDA }, (_, i) => [i, u.subarray(length * i, length * (i + 1))] as const))
    const message = cheat.message({ errors: zeros })
    expect(RVOLE_ONE.decode(message).u.every((byte) => byte === 0)).toBe(true)
    expect(accepts(scene, message)).toBe(false)
  })

  it('14.4 U, O-05: one error in all columns is other choices, honestly used, and passes', () => {
    const error = oneBit(length, 9)
    const other = new CheatingReceiver(scene.context, scene.pair.receiver, scene.nonce, xor(scene.choices, error))
    expect(accepts(scene, other.message({ errors: new Map() }))).toBe(true)
  })
})

describe('a flipped bit in message 1', () => {
  const scene = sceneOf('flipped', 2)
  const honest = RVOLE_ONE.decode(scene.bob().message)

  it.each(['u', 'x', 't', 'nonce'] as const)(
    'O-08, 14.4 U, 14.4 X and t: in %s it fails the check and names the receiver',
    (field) => {
      const bytes = honest[field]
      for (const place of [0, bytes.length >> 1, bytes.length - 1]) {
        for (const bit of [1, 128]) {
          const flipped = bytes.with(place, (bytes[place] as number) ^ bit)
          expect(accepts(scene, RVOLE_ONE.encode({ ...honest, [field]: flipped })), `${field} ${place} ${bit}`).toBe(false)
        }
      }
    },
  )

  it('14.4 X and t: in each single t_r it is found', () => {
    for (let r = 0; r < LAMBDA; r++) {
      const t = honest.t.with(BLOCK * r + (r & 15), (honest.t[BLOCK * r + (r & 15)] as number) ^ 4)
      expect(accepts(scene, RVOLE_ONE.encode({ ...honest, t }))).toBe(false)
    }
  })
})

describe('message 1 of a wrong size', () => {
  const scene = sceneOf('size', 2)
  const honest = RVOLE_ONE.decode(scene.bob().message)
  const refused = (message: Uint8Array): void => {
    const fault = faultOf(() => RvoleSender.accept(scene.context, scene.pair.sender, message))
    expect(fault).toMatchObject({ code: 'SIGN_MALFORMED', culprits: [BOB] })
  }

  it.each([
    0,
    1,
    honest.u.length - 1,
    honest.u.length + 1,
    LAMBDA * columnBytes(1),
    LAMBDA * columnBytes(3),
    LAMBDA * columnBytes(MAX_MULTIPLICATIONS),
  ])('14.4 U count: %i bytes of U are malformed, no ban', (size) =>
    refused(RVOLE_ONE.encode({ ...honest, u: new Uint8Array(size) })),
  )

  it('14.4 U count: cut, lengthened, empty, another message, or longer than any', () => {
    const whole = RVOLE_ONE.encode(honest)
    refused(whole.subarray(0, whole.length - 1))
    refused(concat(whole, new Uint8Array(1)))
    refused(new Uint8Array(0))
    refused(RVOLE_TWO.encode({ nonce: honest.nonce, at: new Uint8Array(0), eta: new Uint8Array(0), mu: honest.nonce }))
    refused(new Uint8Array(2 ** 22))
  })

  it('14.4 U count: a batch without multiplications, or with too many, is refused on either side before anything is made', () => {
    for (const count of [0, MAX_MULTIPLICATIONS + 1]) {
      const context = { ...scene.context, count }
      expect(() => RvoleSender.accept(context, scene.pair.sender, RVOLE_ONE.encode(honest))).toThrow(RangeError)
      expect(() => new RvoleReceiver(context, scene.pair.receiver, scene.rng)).toThrow(RangeError)
    }
  })
})

describe('what is hashed into columns', () => {
  const rng = seededRng('columns')
  const { receiver } = dealtDirection(rng)
  const choices = new Uint8Array(columnBytes(1))
  const run = (sid: Uint8Array, setup = receiver) => extend(setup, sid, choices, 1)
  const sid = rng(32)

  it('O-06 names the session, its context and both parties: one of them changed changes all columns and rows', () => {
    const scene = sceneOf('names')
    const { context } = scene
    const contexts = [
      context,
      { ...context, ctx: context.ctx.with(31, (context.ctx[31] as number) ^ 1) },
      { ...context, sender: context.sender + 1 },
      { ...context, receiver: context.receiver + 1 },
      { ...context, sender: context.receiver, receiver: context.sender },
    ]
    const sids = [
      ...contexts.map((c) => sidOf(c, receiver.psid, scene.nonce)),
      sidOf(context, receiver.psid, xor(scene.nonce, scene.choices)),
      sidOf(context, scene.nonce, scene.nonce),
    ]
    // Production and the formula above agree on the first; the others differ from it in one field.
    expect(RVOLE_ONE.decode(scene.bob().message).u).toEqual(
      extend(scene.pair.receiver, sidOf(context, scene.pair.receiver.psid, scene.nonce), scene.choices, 1).extension.u,
    )
    expectUnrelated(sids.map((s) => run(s).extension.u))
    expectUnrelated(sids.map((s) => run(s).rows))
  })

  it('O-06 names the column and the side: equal seeds give other columns', () => {
    const seed = rng(BLOCK)
    const equal = concat(...Array.from({ length: LAMBDA }, () => seed))
    const { u } = run(sid, { ...receiver, seeds0: equal, seeds1: equal }).extension
    const length = columnBytes(1)
    // With choices of zero, U_i is r_{i,0} xor r_{i,1}: zero if the side were not hashed.
    expectUnrelated([
      new Uint8Array(length),
      ...Array.from({ length: LAMBDA }, (_, i) => u.subarray(length * i, length * (i + 1))),
    ])
  })

  it('O-07 by hashing, not by XOR: seeds shifted by the difference of two session ids do not bring two sessions together', () => {
    const other = rng(32)
    for (const half of [0, BLOCK]) {
      const difference = xor(sid, other).subarray(half, half + BLOCK)
      const shift = (seeds: Uint8Array): Uint8Array => seeds.map((byte, k) => byte ^ (difference[k % BLOCK] as number))
      const shifted = { ...receiver, seeds0: shift(receiver.seeds0), seeds1: shift(receiver.seeds1) }
      expectUnrelated([run(sid).extension.u, run(other).extension.u, run(other, shifted).extension.u])
      expectUnrelated([run(sid).rows, run(other).rows, run(other, shifted).rows])
    }
  })
})

/** No two agree in more bytes than chance allows. */
function expectUnrelated(strings: readonly Uint8Array[]): void {
  strings.forEach((a, k) => {
    for (const b of strings.slice(k + 1)) {
      const same = a.reduce((n, byte, i) => n + (byte === b[i] ? 1 : 0), 0)
      expect(same).toBeLessThan(a.length / 256 + 6 * Math.sqrt(a.length / 256) + 6)
      expect(equalBytes(a, b)).toBe(false)
    }
  })
}

const at = (list: readonly Uint8Array[]): Uint8Array => list[0] as Uint8Array

const indexOf = (delta: Uint8Array, bit: number): number =>
  Array.from({ length: LAMBDA }, (_, i) => i).find((i) => bitOf(delta, i) === bit) as number
