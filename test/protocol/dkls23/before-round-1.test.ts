import { describe, expect, it } from 'vitest'
import { sessionId as sessionIdOf } from '../../../src/protocol/channel/setup.ts'
import { maxBatch } from '../../../src/protocol/dkls23/parameters.ts'
import { type DklsParams, sign } from '../../../src/protocol/dkls23/sign.ts'
import { SetupError } from '../../../src/protocol/engine/fault.ts'
import type { Env } from '../../../src/protocol/engine/round.ts'
import type { SignerItem } from '../../../src/protocol/signing/batch.ts'
import { openSession } from '../../simulator/run-session.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { accepted, bytes32, type DealtKey, itemOf } from '../signing/dealt-key.ts'
import { type DklsCase, dklsParams, dklsPlan, dklsSetup, ends, makeDklsCase, runDkls, SCHEMES } from './dkls-run.ts'

describe.each(SCHEMES)('%s', (scheme) => {
  const c = makeDklsCase({ scheme, ids: 4, seed: 'before round 1' })
  const group = scheme === 'ecdsa-p256' ? nativeCurves.p256 : nativeCurves.secp256k1
  const key = c.keys[0] as DealtKey
  const env: Env = {
    self: 1,
    parties: [1, 2],
    threshold: 2,
    sessionId: bytes32('session'),
    roster: c.world.roster,
    rng: () => {
      throw new Error('nothing is drawn before all is checked')
    },
    curves: c.world.curves,
    transcript: () => new Uint8Array(32),
    evidence: () => {
      throw new Error('no evidence')
    },
  }
  const params = dklsParams(c, 1)
  const only = params.items[0] as SignerItem
  const start = (e: Partial<Env>, p: Partial<DklsParams>) => sign({ ...env, ...e }, { ...params, ...p }).next()
  const item = (input: Uint8Array): SignerItem => accepted(key, 1, { ...itemOf(key, bytes32('x'), 'x'), input })
  const order = Buffer.from(group.order.toString(16), 'hex')

  it.each<[string, Partial<Env>, Partial<DklsParams>]>([
    ['S of size t - 1', { threshold: 3 }, {}],
    ['S of size t + 1', { parties: [1, 2, 3] }, {}],
    ['one signer, t = 1', { parties: [1], threshold: 1 }, {}],
    ['a duplicate id', { parties: [1, 1] }, {}],
    ['unsorted ids', { parties: [2, 1] }, {}],
    ['id 0', { parties: [0, 1] }, {}],
    ['this signer not in the list', { self: 3 }, dklsParams(c, 3)],
    ['a peer without a set-up', {}, { pairs: new Map() }],
    ['a peer that holds no share of the key', {}, { items: [{ ...only, verifyingShares: new Map() } as SignerItem] }],
    ['suite: BIP-340', {}, { suite: 3 }],
    ['suite: Ed25519', {}, { suite: 4 }],
    ['suite: none', {}, { suite: 0 }],
    ['B = 0', {}, { items: [] }],
    ['B = 65', {}, { items: Array(65).fill(only) }],
    ['B = 33 with t = 3', { parties: [1, 2, 3], threshold: 3 }, { items: Array(33).fill(only) }],
    ['a digest of 31 bytes', {}, { items: [item(new Uint8Array(31).fill(1))] }],
    ['a digest of 33 bytes', {}, { items: [item(new Uint8Array(33).fill(1))] }],
    ['a digest that is not the one of the instance', {}, { items: [item(bytes32('other'))] }],
    ['a zero digest', {}, { items: [accepted(key, 1, itemOf(key, new Uint8Array(32), 'zero'))] }],
    ['a digest of q', {}, { items: [accepted(key, 1, itemOf(key, order, 'q'))] }],
  ])('S-14, D-11, 14.5 signer set, 14.5 request: %s: DKLS_PARAM', (_, e, p) => {
    let caught: unknown
    try {
      start(e, p)
    } catch (error) {
      caught = error
    }
    expect(caught).toBeInstanceOf(SetupError)
    expect((caught as SetupError).code).toBe('DKLS_PARAM')
  })

  it('the same call with nothing wrong draws (so the source that throws counts)', () => {
    expect(() => start({}, {})).toThrow('nothing is drawn')
  })
})

it('a batch is as large as its messages can be: 64 multiplications of each signer', () => {
  expect([2, 3, 4, 5, 16].map(maxBatch)).toEqual([64, 32, 21, 16, 4])
})

describe('S-04, S-06, 14.5 request: signers to whom a coordinator shows different things', () => {
  const c = makeDklsCase({ ids: 3, seed: 'different requests', digests: [bytes32('approved by 1')] })
  const key = c.keys[0] as DealtKey
  const others: Readonly<Record<string, DklsCase>> = {
    'another digest': { ...c, items: [itemOf(key, bytes32('approved by 2'), 'different requests/0')] },
    'another request for the same digest': { ...c, items: [itemOf(key, bytes32('approved by 1'), 'another request')] },
    'another set-up with the peer': { ...c, pairs: makeDklsCase({ ids: 3, seed: 'other pairs' }).pairs },
    'another signer set': { ...c, signers: [2, 3] },
  }

  it.each(Object.keys(others))('%s: two sessions that hear nothing of each other, no share, nobody named', (name) => {
    const other = others[name] as DklsCase
    const [idOf1, idOf2] = [sessionIdOf(dklsSetup(c)), sessionIdOf(dklsSetup(other))]
    expect(idOf2).not.toEqual(idOf1)
    const one = openSession(dklsPlan(c), idOf1, 1)
    const two = openSession(dklsPlan(other), idOf2, 2)
    const sentBy1 = one.start().outgoing
    const sentBy2 = two.start().outgoing
    expect(one.receive(sentBy2)).toMatchObject({ outgoing: [], waitingFor: [2] })
    expect(two.receive(sentBy1).outgoing).toEqual([])
    expect([one.ended, two.ended]).toEqual([false, false])
  })

  it('and the same ones shown to both sign', () => expect(ends(runDkls(c))).toEqual({ 1: 'done', 2: 'done' }))
})
