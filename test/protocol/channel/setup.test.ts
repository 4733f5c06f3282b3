import { describe, expect, it } from 'vitest'
import { type Member, makeRoster, memberOf } from '../../../src/protocol/channel/roster.ts'
import { assertSetup, type Setup, sessionId } from '../../../src/protocol/channel/setup.ts'
import { toHex } from '../../../src/protocol/engine/bytes.ts'
import { makeWorld, setupOf } from '../../simulator/world.ts'

const world = makeWorld({ ids: 3, seed: 'setup' })
const setup = setupOf(world, { protocol: 'hm', suite: 'ecdsa-secp256k1', threshold: 2 })
const other = new Uint8Array(32).fill(9)

describe('session id', () => {
  it('T-02, T-09 is 32 bytes, repeatable, and another for each field that differs', () => {
    const changes: readonly Partial<Setup>[] = [
      {},
      { protocol: 'frost' },
      { suite: 'schnorr-secp256k1' },
      { keyId: other },
      { epoch: 1 },
      { rosterHash: other },
      { threshold: 3 },
      { signers: [1, 2] },
      { boots: [other, other, other] },
      { boots: setup.boots.toReversed() },
      { purpose: other },
      { purpose: new Uint8Array(31) },
      { deadline: 1 },
      { deadline: setup.deadline + 2 ** 32 },
      { coordinatorNonce: other },
    ]
    const ids = changes.map((change) => toHex(sessionId({ ...setup, ...change })))
    expect(new Set(ids).size).toBe(changes.length)
    expect(toHex(sessionId({ ...setup }))).toBe(ids[0])
    expect(ids[0]).toHaveLength(64)
  })

  it('is this for this set-up: a change here breaks every running set', () => {
    const fixed: Setup = {
      ...setup,
      rosterHash: new Uint8Array(32),
      boots: setup.signers.map(() => new Uint8Array(32)),
      coordinatorNonce: new Uint8Array(32),
      purpose: new Uint8Array(0),
    }
    expect(toHex(sessionId(fixed))).toMatchInlineSnapshot(`"5aac5a26f392de77b373feb69a697bf6e0ddca7b655e2f381c4d16b2d9ba19c7"`)
  })
})

describe('assertSetup', () => {
  /** With as many boot nonces as signers: those shall not be the reason. */
  const changed = (change: Partial<Setup>): Setup => {
    const { signers = setup.signers } = change
    return { ...setup, boots: signers.map(() => other), ...change }
  }
  const refuse = (change: object, self = 1): void =>
    expect(() => assertSetup(changed(change), self, world.roster), JSON.stringify(change)).toThrow(
      expect.objectContaining({ name: 'SetupError', code: 'SETUP_REFUSED' }),
    )

  it('accepts an honest proposal at each signer', () => {
    for (const self of [1, 2, 3]) expect(() => assertSetup(setup, self, world.roster)).not.toThrow()
    expect(() => assertSetup(changed({ signers: [1, 3] }), 1, world.roster)).not.toThrow()
  })

  it('14.1 roster: wrong roster hash, unknown id, own id missing, id 0, ids that wrap, repeated, unsorted', () => {
    refuse({ rosterHash: other })
    refuse({ rosterHash: new Uint8Array(31) })
    refuse({ signers: [1, 2, 4] })
    refuse({ signers: [2, 3] })
    refuse({ signers: [0, 1, 2] })
    refuse({ signers: [1, 2, 65537] })
    refuse({ signers: [1, 65536 + 2] })
    refuse({ signers: [1, 1, 2] })
    refuse({ signers: [2, 1, 3] })
    refuse({ signers: [] })
    refuse({}, 4)
  })

  it('thresholds outside 2..n, fields of a wrong kind or length', () => {
    for (const threshold of [0, 1, 4, 2.5]) refuse({ threshold })
    for (const epoch of [-1, 0.5, 2 ** 32]) refuse({ epoch })
    for (const deadline of [-1, 0.5, 2 ** 53, Number.NaN]) refuse({ deadline })
    refuse({ keyId: new Uint8Array(31) })
    refuse({ coordinatorNonce: new Uint8Array(0) })
    refuse({ boots: [] })
    refuse({ boots: [other, other] })
    refuse({ boots: [other, other, other, other] })
    refuse({ boots: [other, other, new Uint8Array(31)] })
    for (const name of ['', 'gg18', 'toString', '__proto__', 'constructor']) {
      refuse({ protocol: name })
      refuse({ suite: name })
    }
  })

  it('whatever it accepts has a session id', () => {
    expect(() => sessionId({ ...setup, epoch: 2 ** 32 - 1, deadline: Number.MAX_SAFE_INTEGER })).not.toThrow()
  })
})

describe('roster', () => {
  const [one, two, three] = world.roster.members as readonly [Member, Member, Member]

  it('sorts its members and hashes all of them', () => {
    expect(makeRoster(1, [three, one, two])).toEqual(world.roster)
    const hashes = [
      world.roster,
      makeRoster(2, [one, two, three]),
      makeRoster(1, [one, two]),
      makeRoster(1, [one, two, { ...three, id: 4 }]),
      makeRoster(1, [one, two, { ...three, signKey: other }]),
      makeRoster(1, [one, two, { ...three, exchangeKey: other }]),
      makeRoster(1, [one, two, { ...three, tlsFingerprint: other }]),
    ].map((roster) => toHex(roster.hash))
    expect(new Set(hashes).size).toBe(hashes.length)
  })

  it('refuses repeated ids, repeated keys, also across kinds, and keys of another length', () => {
    expect(() => makeRoster(1, [one, { ...two, id: 1 }])).toThrow(RangeError)
    expect(() => makeRoster(1, [one, { ...two, signKey: one.signKey }])).toThrow('twice')
    expect(() => makeRoster(1, [one, { ...two, exchangeKey: one.signKey }])).toThrow('twice')
    expect(() => makeRoster(1, [{ ...one, exchangeKey: one.signKey }])).toThrow('twice')
    for (const field of ['signKey', 'exchangeKey', 'tlsFingerprint']) {
      expect(() => makeRoster(1, [{ ...one, [field]: new Uint8Array(31) }])).toThrow('32 bytes')
    }
    expect(() => makeRoster(1, [])).toThrow(RangeError)
  })

  it('knows its members only', () => {
    expect(memberOf(world.roster, 2)).toBe(two)
    expect(() => memberOf(world.roster, 4)).toThrow(RangeError)
  })
})
