import { describe, expect, it } from 'vitest'
import type { FramedItem } from '../../src/actors/signing-intake.ts'
import { REPLY_TYPES } from '../../src/protocol/frames/signer-frames.ts'
import { requestHash } from '../../src/protocol/request/authorize.ts'
import { type ActorSet, actorSet, type StoredKey } from './actor-set.ts'

const set = actorSet({ seed: 'intake' })
const key = set.storeKey('eddsa-ed25519', 'alice’s')
const bobs = set.storeKey('eddsa-ed25519', 'bob’s', 'cred_bob')
const bip340 = set.storeKey('schnorr-secp256k1', 'schnorr')
const text = new TextDecoder()
const bytes = new TextEncoder()

/** The refusals of one session with these items. */
function refusalsOf(
  items: readonly FramedItem[],
  more: {
    readonly known?: readonly (Uint8Array | null)[]
    readonly setup?: object
    readonly keys?: readonly StoredKey[]
    readonly of?: ActorSet
  } = {},
): readonly string[] {
  const of = more.of ?? set
  const keys = more.keys ?? [key, bobs, bip340]
  const known = more.known === undefined ? {} : { known: more.known }
  const answer = of.openSigning(1, of.setupOf(more.setup), items, keys, known)
  expect(answer.reply.type).toBe(REPLY_TYPES.sent)
  expect(answer.claims).toEqual([])
  return answer.refusals
}

const good = (): FramedItem => set.itemOf(key, set.signRequest(key))

/** An honest item whose document was changed after signing, or signed with the change. */
function changed(change: (json: Record<string, unknown>) => void, resign = true): FramedItem {
  const item = good()
  const json = JSON.parse(text.decode(item.request.document))
  change(json)
  const document = bytes.encode(JSON.stringify(json))
  return { ...item, request: resign ? set.authorized('cred_alice', document) : { ...item.request, document } }
}

const iso = (ms: number): string => new Date(ms).toISOString()

describe('each signer refuses by itself', () => {
  const request = (changes: Partial<FramedItem['request']>): FramedItem => {
    const item = good()
    return { ...item, request: { ...item.request, ...changes } }
  }
  it.each<[string, () => FramedItem, string]>([
    ['a changed document', () => changed((d) => Object.assign(d, { reference: 'other' }), false), 'authorization_invalid'],
    ['a wrong signature', () => request({ signature: new Uint8Array(64) }), 'authorization_invalid'],
    ['T-08 no signature', () => request({ signature: new Uint8Array(0) }), 'authorization_invalid'],
    ['an unknown credential', () => request({ credentialId: 'cred_eve' }), 'authorization_invalid'],
    ['somebody else’s credential', () => request({ credentialId: 'cred_bob' }), 'authorization_invalid'],
    ['a credential named like a property', () => request({ credentialId: '__proto__' }), 'authorization_invalid'],
    ['another algorithm', () => request({ alg: 'p256' }), 'authorization_invalid'],
    ['no algorithm', () => request({ alg: '' }), 'authorization_invalid'],
    ['another audience', () => changed((d) => Object.assign(d, { audience: `set_${'00'.repeat(32)}` })), 'authorization_invalid'],
    [
      'a request that has expired',
      () => changed((d) => Object.assign(d, { issued_at: iso(set.now() - 90_001), expires_at: iso(set.now() - 30_001) })),
      'request_expired',
    ],
    [
      'a request of the future',
      () => changed((d) => Object.assign(d, { issued_at: iso(set.now() + 30_001), expires_at: iso(set.now() + 60_000) })),
      'request_expired',
    ],
    [
      'a life of more than a day',
      () => changed((d) => Object.assign(d, { expires_at: iso(set.now() + 86_400_001) })),
      'malformed_request',
    ],
    ['an unknown member', () => changed((d) => Object.assign(d, { more: 1 })), 'malformed_request'],
    ['no JSON', () => ({ ...good(), request: set.authorized('cred_alice', bytes.encode('{')) }), 'malformed_request'],
    ['another request id than the frame says', () => ({ ...good(), requestId: 'req_other' }), 'malformed_request'],
    ['a derived path', () => changed((d) => Object.assign(d, { path: 'm/0' })), 'path_unsupported'],
    [
      'a hash for Ed25519',
      () => changed((d) => Object.assign(d, { payload: { kind: 'message', bytes: '0x00', hash: 'sha256' } })),
      'payload_invalid',
    ],
    [
      'a message above 64 KiB',
      () => changed((d) => Object.assign(d, { payload: { kind: 'message', bytes: `0x${'00'.repeat(65_537)}` } })),
      'payload_too_large',
    ],
    ['a key generation', () => ({ ...good(), request: keygenRequest() }), 'malformed_request'],
    ['an unknown key', () => set.itemOf(key, set.signRequest(key, { keyId: new Uint8Array(32) })), 'key_not_found'],
    ['T-21 somebody else’s key', () => set.itemOf(bobs, set.signRequest(bobs)), 'key_not_found'],
    [
      'T-16 a key of another scheme',
      () => set.itemOf(bip340, set.signRequest({ ...key, key: { ...key.key, keyId: bip340.key.keyId } })),
      'payload_invalid',
    ],
    ['S-06 another instance than it derives', () => ({ ...good(), instance: good().instance }), 'instance_mismatch'],
    ['S-06 an empty instance', () => ({ ...good(), instance: new Uint8Array(0) }), 'instance_mismatch'],
  ])('S-06, S-07, S-08 %s', (_what, item, refusal) => {
    expect(refusalsOf([item()])).toEqual([refusal])
  })

  const keygenRequest = () => set.request('cred_alice', { type: 'keygen.v1', scheme: 'eddsa-ed25519', threshold: 2, parties: 3 })

  it('S-06 every single bit of an instance that the coordinator changes', () => {
    const items = Array.from({ length: good().instance.length }, (_, i) => {
      const item = good()
      return { ...item, instance: Uint8Array.from(item.instance, (b, at) => (at === i ? b ^ (1 << (i % 8)) : b)) }
    })
    expect(new Set(refusalsOf(items))).toEqual(new Set(['instance_mismatch']))
  })

  it('a bare digest, unless the credential has the privilege', () => {
    const payload = { kind: 'digest' as const, digest: new Uint8Array(32).fill(7) }
    const bob = set.storeKey('schnorr-secp256k1', 'bob’s schnorr', 'cred_bob')
    const setup = { suite: 'schnorr-secp256k1' as const }
    expect(refusalsOf([set.itemOf(bip340, set.signRequest(bip340, { payload }))], { setup })).toEqual([])
    expect(refusalsOf([set.itemOf(bob, set.signRequest(bob, { payload }, 'cred_bob'))], { setup, keys: [bob] })).toEqual([
      'raw_digest_forbidden',
    ])
  })

  it('a session with another threshold than the key’s: it would need fewer signers than the key allows (M1)', () => {
    const key3 = set.storeKey('eddsa-ed25519', 'of 3', 'cred_alice', 3)
    const item = set.itemOf(key3, set.signRequest(key3))
    expect(refusalsOf([item], { keys: [key3] })).toEqual(['instance_mismatch'])
    expect(refusalsOf([item], { keys: [key3], setup: { threshold: 3, signers: [1, 2, 3] } })).toEqual([])
  })

  it('a key of another scheme than the session’s', () => {
    const item = set.itemOf(bip340, set.signRequest(bip340))
    expect(refusalsOf([item])).toEqual(['instance_mismatch'])
  })

  it('a key whose record does not open or fit; the other keys of the batch are not touched', () => {
    const row = key.rows.get(1)
    if (row === undefined) throw new Error('no row')
    const other = set.storeKey('eddsa-ed25519', 'sound')
    for (const broken of [
      { ...row, sealedShare: new Uint8Array(3) },
      { ...row, sealedShare: bobs.rows.get(1)?.sealedShare as Uint8Array },
      { ...row, publicPackage: bobs.rows.get(1)?.publicPackage as Uint8Array },
      { ...row, publicPackage: new Uint8Array(9) },
    ]) {
      const fresh = actorSet({ seed: 'intake' })
      const rows: StoredKey = { ...key, rows: new Map([[1, broken]]) }
      const items = [fresh.itemOf(key, fresh.signRequest(key)), fresh.itemOf(other, fresh.signRequest(other))]
      expect(refusalsOf(items, { keys: [rows, other], of: fresh })).toEqual(['key_not_found'])
      const answer = fresh.openSigning(1, fresh.setupOf(), items, [rows, other])
      expect(answer.detail).toMatch(/^keys that do not open: [0-9a-f]{16}$/)
    }
  })
})

describe('request ids', () => {
  it('in the ledger with the same bytes are fine, with other bytes replayed', () => {
    const [same, other] = [good(), good()]
    expect(
      refusalsOf([same, other], { known: [requestHash(same.request.document), requestHash(same.request.document)] }),
    ).toEqual(['request_replayed'])
  })

  it('answer for one document at a time: in one batch, in another session, and free again when that has ended', () => {
    const one = set.signRequest(key, { requestId: 'req_twice' })
    const two = set.signRequest(key, { requestId: 'req_twice' })
    const [a, b] = [set.itemOf(key, one), set.itemOf(key, two)]
    expect(refusalsOf([a, b])).toEqual(['request_replayed'])
    expect(refusalsOf([a])).toEqual([])
    expect(refusalsOf([b])).toEqual(['request_replayed'])
    set.pass(36_000)
    set.ask(1, 'status')
    expect(refusalsOf([b])).toEqual([])
    expect(refusalsOf([a])).toEqual(['request_replayed'])
  })

  it('are given back on every way out of a session', () => {
    const fresh = actorSet({ seed: 'ways out' })
    const k = fresh.storeKey('eddsa-ed25519', 'key')
    const reserved = (): number => fresh.actorOf(1).load.reserved
    const open = () => {
      const items = [fresh.itemOf(k, fresh.signRequest(k)), fresh.itemOf(k, fresh.signRequest(k))]
      const setup = fresh.setupOf()
      const answers = [1, 2].map((id) => fresh.openSigning(id, setup, items, [k]))
      return { id: fresh.signingId(setup, items), mail: answers.flatMap((x) => x.reply.envelopes) }
    }
    const ways: ((s: ReturnType<typeof open>) => void)[] = [
      (s) => fresh.abort(1, s.id),
      (s) => fresh.round(1, s.id, 1, s.mail),
      () => fresh.pass(36_000),
      (s) => {
        const bad = Uint8Array.from(s.mail[1] as Uint8Array)
        bad[bad.length - 1] = (bad.at(-1) as number) ^ 1
        fresh.round(1, s.id, 1, [bad])
        expect(reserved()).toBe(2)
        fresh.abort(1, s.id)
      },
    ]
    for (const way of ways) {
      const s = open()
      expect(reserved()).toBe(2)
      way(s)
      fresh.ask(1, 'status')
      expect(reserved()).toBe(0)
    }
    // A set-up that only the engine refuses, after the items were judged.
    const item = fresh.itemOf(k, fresh.signRequest(k))
    expect(fresh.openSigning(1, fresh.setupOf({ signers: [1, 2, 3] }), [item], [k]).reply.code).toBe('SETUP_REFUSED')
    expect(fresh.actorOf(1).load).toMatchObject({ open: 0, reserved: 0 })
  })
})

it('decision 13: one bad request spoils nothing: every other item is signed, in its place', () => {
  const fresh = actorSet({ seed: 'batch' })
  const k = fresh.storeKey('eddsa-ed25519', 'key')
  const items = Array.from({ length: 6 }, () => fresh.itemOf(k, fresh.signRequest(k)))
  const bad = { ...(items[2] as FramedItem), requestId: 'req_other' }
  const mixed = items.map((item, i) => (i === 2 ? bad : item))
  const setup = fresh.setupOf()
  const openings = [1, 2].map((id) => fresh.openSigning(id, setup, mixed, [k]))
  const mail = openings.flatMap((a) => a.reply.envelopes)
  const answers = [1, 2].map((id) => fresh.round(id, fresh.signingId(setup, mixed), 1, mail))
  expect(answers[0]?.claims.map((c) => c.requestId)).toEqual(items.flatMap((i, at) => (at === 2 ? [] : [i.requestId])))
  const keys = mixed.map(() => k)
  const { outcomes } = fresh.assemble(setup, mixed, keys, openings, answers)
  expect(outcomes.map((o) => o.type)).toEqual([0, 0, 1, 0, 0, 0])
  expect(outcomes[2]?.refusals).toEqual([1, 2].map((by) => ({ by, why: 'malformed_request' })))
})
