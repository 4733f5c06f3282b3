import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { decodeEnvelope, type Envelope, encodeEnvelope } from '../../../src/protocol/channel/envelope.ts'
import { EVERYONE } from '../../../src/protocol/engine/party.ts'
import { REPLY, REPLY_TYPES, type Reply, type Route } from '../../../src/protocol/frames/signer-frames.ts'
import { inProcessSet, type TestSet } from './in-process-set.ts'
import {
  expectSigned,
  expectWorks,
  makeKey,
  makeKeys,
  problemOf,
  type Scheme,
  sign,
  someMessage,
  type TestKey,
} from './signing-keys.ts'
import { until } from './until.ts'

const FROST = ['schnorr-secp256k1', 'eddsa-ed25519'] as const
const SABOTEUR = 3
let set: TestSet
let keys: Readonly<Record<Scheme, TestKey>>
beforeAll(async () => {
  set = await inProcessSet()
  keys = await makeKeys(set)
  await expectWorks(set, keys['ecdsa-secp256k1'])
})
afterAll(() => set.close())
afterEach(async () => {
  set.hooks.tamper = (_to, _route, frame, deliver) => deliver(frame)
  await until('all up', () => set.monitor.up().length === 3)
  for (const key of Object.values(keys)) await expectWorks(set, key)
})

/** The saboteur's own replies, changed before they leave it. Whatever it knows, this is all it can do to the others. */
const sabotage = (on: readonly Route[], change: (reply: Reply, route: Route) => Reply | Uint8Array): void => {
  set.hooks.tamper = async (to, route, frame, deliver) => {
    const answer = await deliver(frame)
    if (to !== SABOTEUR || !on.includes(route)) return answer
    const changed = change(REPLY.decode(answer), route)
    return changed instanceof Uint8Array ? changed : REPLY.encode(changed)
  }
}
const rewrite = (bytes: Uint8Array, change: (body: Uint8Array) => Partial<Envelope>): Uint8Array => {
  const envelope = decodeEnvelope(bytes) as Envelope
  return encodeEnvelope({ ...envelope, ...change(envelope.body) })
}
const inBody =
  (change: (body: Uint8Array) => Uint8Array) =>
  (reply: Reply): Reply => ({ ...reply, envelopes: reply.envelopes.map((e) => rewrite(e, (body) => ({ body: change(body) }))) })
const lastByte = (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes, (b, i) => (i === bytes.length - 1 ? b ^ 1 : b))
const failed =
  (code: string, culprits: readonly number[] = []) =>
  (reply: Reply): Reply => ({
    ...reply,
    type: REPLY_TYPES.failed,
    code,
    culprits,
    envelopes: [],
  })
const refused =
  (code: string) =>
  (reply: Reply): Reply => ({ ...reply, type: REPLY_TYPES.refused, code, envelopes: [] })

type Sabotage = readonly [what: string, on: readonly Route[], change: (reply: Reply) => Reply | Uint8Array]
const KINDS: readonly Sabotage[] = [
  ['a wrong share', ['round'], inBody(lastByte)],
  ['no share', ['round'], inBody((body) => body.slice(0, 4))],
  ['commitments that nobody accepts', ['openSigning'], inBody(lastByte)],
  [
    'an opening in another signer’s name',
    ['openSigning'],
    (r) => ({ ...r, envelopes: r.envelopes.map((e) => rewrite(e, () => ({ sender: 1 }))) }),
  ],
  [
    'its answer to everybody',
    ['round'],
    (r) => ({ ...r, envelopes: r.envelopes.map((e) => rewrite(e, () => ({ receiver: EVERYONE }))) }),
  ],
  ['two envelopes', ['openSigning'], (r) => ({ ...r, envelopes: [...r.envelopes, ...r.envelopes] })],
  ['no envelope', ['openSigning', 'round'], (r) => ({ ...r, envelopes: [] })],
  ['`done` at once', ['openSigning'], (r) => ({ ...r, type: REPLY_TYPES.done })],
  ['never `done`', ['round'], (r) => ({ ...r, type: REPLY_TYPES.sent, envelopes: [] })],
  ['a refusal that stops honest coordinators', ['openSigning'], refused('SETUP_REFUSED')],
  ['a code of its own', ['openSigning'], refused('x'.repeat(40))],
  ['HM_KID and HM_TICKET', ['openSigning'], refused('HM_KID')],
  ['slander: another signer is the culprit', ['round'], failed('FROST_MALFORMED', [1, 2])],
  ['no frame', ['openSigning', 'round'], () => Uint8Array.of(1, 2, 3)],
]

describe('a persistent saboteur', () => {
  it.each(KINDS)('%s: FROST signs with the others; nobody honest is named', async (what, on, change) => {
    sabotage(on, change)
    for (const scheme of FROST) {
      const from = set.reports.length
      const messages = Array.from({ length: 6 }, () => someMessage())
      const views = await Promise.all(messages.map((message) => sign(set, keys[scheme], message)))
      for (const [i, view] of views.entries()) {
        expectSigned(keys[scheme], messages[i] as Uint8Array, view)
        // With one wrong share the other items of the session are the saboteur's honest work.
        if (what !== 'a wrong share') expect(view.signers).toEqual([1, 2])
      }
      for (const { end } of set.reports.slice(from)) {
        const named = end.type === 'failed' ? end.culprits : end.items.flatMap((i) => (i.type === 'failed' ? i.culprits : []))
        expect(named.filter((id) => id !== SABOTEUR)).toEqual([])
        if (end.type === 'failed') expect(end.code.length).toBeLessThan(30)
      }
    }
  })

  it.each(KINDS)('%s: ECDSA, which needs all, ends with a problem and never with a wrong signature', async (what, on, change) => {
    sabotage(on, change)
    const started = performance.now()
    const problem = await problemOf(sign(set, keys['ecdsa-secp256k1'], someMessage()))
    expect(['protocol_abort', 'quorum_unavailable', 'signing_timeout', 'engine_unavailable']).toContain(problem.code)
    expect(problem.culprits ?? ['signer-3']).toEqual(['signer-3'])
    expect(problem.missing ?? ['signer-3']).toEqual(['signer-3'])
    // Sessions that ended before the others were asked for shares are told from those that did not.
    const early = on.includes('openSigning') && what !== 'commitments that nobody accepts'
    expect(problem.outcome, what).toBe(early ? 'none' : 'unknown')
    expect(performance.now() - started).toBeLessThan(6000)
  })

  it.each([
    ['whose guilt is proven costs a request one session more', inBody((body) => body.slice(0, 4)), 2],
    ['whom nobody can convict costs two at most', failed('FROST_MALFORMED', [1, 2]), 3],
  ] as const)('%s', async (_what, change, most) => {
    sabotage(['round'], change)
    const sessions: number[] = []
    for (let i = 0; i < 9; i++) {
      const from = set.reports.length
      await expectWorks(set, keys['eddsa-ed25519'])
      sessions.push(set.reports.length - from)
    }
    expect(Math.max(...sessions)).toBeLessThanOrEqual(most)
    expect(Math.min(...sessions)).toBe(1)
  })

  it('F-07 whose shares are wrong is named, when the others’ requests cannot do without it', async () => {
    sabotage(['round'], inBody(lastByte))
    set.kill(2)
    await until('signer 2 down', () => !set.monitor.up().includes(2))
    const problem = await problemOf(sign(set, keys['eddsa-ed25519'], someMessage()))
    expect([problem.code, problem.culprits, problem.outcome]).toEqual(['protocol_abort', ['signer-3'], 'unknown'])
    set.revive(2)
  })
})

describe('a signer that refuses every request', () => {
  const refuseAll = (id: number): (() => void) => {
    const { store } = set.signerOf(id)
    const { lookup } = store
    Object.assign(store, { lookup: (rows: readonly unknown[]) => rows.map(() => new Uint8Array(32)) })
    return () => Object.assign(store, { lookup })
  }

  it('is routed around by FROST, in batches, not one by one', async () => {
    const undo = refuseAll(SABOTEUR)
    const from = set.reports.length
    const views = await Promise.all(Array.from({ length: 120 }, () => sign(set, keys['eddsa-ed25519'], someMessage())))
    undo()
    for (const view of views) expect([view.state, view.signers]).toEqual(['signed', [1, 2]])
    expect(set.reports.length - from).toBeLessThan(12)
  })

  it('403 or whatever the refusal says, when no quorum is left without it: ECDSA at once, FROST with two of them', async () => {
    const undo = [refuseAll(SABOTEUR)]
    const ecdsa = await problemOf(sign(set, keys['ecdsa-secp256k1'], someMessage()))
    expect([ecdsa.code, ecdsa.outcome]).toEqual(['request_replayed', 'none'])
    undo.push(refuseAll(1))
    const eddsa = await problemOf(sign(set, keys['eddsa-ed25519'], someMessage()))
    expect([eddsa.code, eddsa.outcome]).toEqual(['request_replayed', 'none'])
    for (const stop of undo) stop()
  })
})

describe('a saboteur of key generation', () => {
  const create = () => set.service.createKey(set.request('cred_alice', set.keygen('eddsa-ed25519')), set.client)
  it.each<Sabotage>([
    ['refuses', ['openKeygen'], refused('policy_denied')],
    ['slanders', ['round'], failed('DKG_SHARE', [1])],
    ['sends rubbish', ['round'], inBody(lastByte)],
    ['is done at once', ['openKeygen'], (r) => ({ ...r, type: REPLY_TYPES.done, result: new Uint8Array(99) })],
    ['names a key that is nobody’s', ['openKeygen'], (r) => ({ ...refused('KEY_EXISTS')(r), result: new Uint8Array(32) })],
    ['names no key', ['openKeygen'], (r) => ({ ...refused('KEY_EXISTS')(r), result: new Uint8Array(7) })],
    ['never ends', ['openKeygen', 'round'], (r) => ({ ...r, type: REPLY_TYPES.sent, envelopes: [] })],
    ['floods', ['openKeygen'], (r) => ({ ...r, envelopes: Array.from({ length: 32 }, () => r.envelopes[0] as Uint8Array) })],
  ])('that %s gets no key made, or the right one, and nobody else named', async (_what, on, change) => {
    sabotage(on, change)
    const end = await create().then(
      (key) => key.state,
      (error) => error,
    )
    if (end !== 'active') {
      expect(['protocol_abort', 'policy_denied', 'quorum_unavailable']).toContain(end.code)
      expect(end.culprits ?? [`signer-${SABOTEUR}`]).toEqual([`signer-${SABOTEUR}`])
      expect(end.missing ?? []).toEqual([])
    }
    set.hooks.tamper = (_to, _route, frame, deliver) => deliver(frame)
    await expectWorks(set, await makeKey(set, 'eddsa-ed25519'))
  })

  it('that names another client’s key as this request’s does not hand it over', async () => {
    const bobs = await makeKey(set, 'eddsa-ed25519', 'cred_bob')
    sabotage(['openKeygen'], (r) => ({ ...refused('KEY_EXISTS')(r), result: bobs.keyId }))
    expect((await problemOf(create())).code).toBe('protocol_abort')
    sabotage(['round'], (r) => ({
      ...r,
      ...(r.type === REPLY_TYPES.done && { result: set.store.getKey(bobs.keyId)?.certificate ?? r.result }),
    }))
    const key = await create()
    expect([key.owner, key.state, key.id === bobs.id]).toEqual(['cred_alice', 'active', false])
  })
})
