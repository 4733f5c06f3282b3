import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { emptyAnswer } from '../../../src/actors/crypto-commands.ts'
import type { KeyAction, SignedRequest } from '../../../src/host/api/coordinator-service.ts'
import { CERTIFICATE_REPLY, REPLY, REPLY_TYPES, type Reply } from '../../../src/protocol/frames/signer-frames.ts'
import { requestHash } from '../../../src/protocol/request/authorize.ts'
import type { KeyUpdateDocument } from '../../../src/protocol/request/document.ts'
import { receiptMessage, receiptsOfAll } from '../../../src/protocol/request/key-update.ts'
import { inProcessSet, type TestSet } from './in-process-set.ts'
import { askFor, expectWorks, makeKey, problemOf, type Scheme, someMessage, type TestKey } from './signing-keys.ts'
import { until } from './until.ts'

let set: TestSet
let key: TestKey
const SCHEME: Scheme = 'eddsa-ed25519'
beforeEach(async () => {
  set = await inProcessSet({ times: { heartbeat: 15, heartbeatTimeout: 400, exchange: 1000, keygenExchange: 3000 } })
  key = await makeKey(set, SCHEME)
})
afterEach(() => set.close())

const NO_REPLY = emptyAnswer().reply

const calm = () => {
  set.hooks.tamper = (_to, _route, frame, deliver) => deliver(frame)
}
/** Signer `id` hears of no update. */
const deaf = (id: number) => {
  set.hooks.tamper = async (to, route, frame, deliver) => {
    if (to === id && route === 'updateKey') throw new Error('lost')
    return await deliver(frame)
  }
}
type Fields = Partial<KeyUpdateDocument> & { readonly revision: number }
const update = (fields: Fields, who = 'cred_alice', of = key) =>
  set.request(who, { type: 'key-update.v1', scheme: of.scheme, keyId: of.keyId, state: 'active', label: null, ...fields })
const apply = (action: KeyAction, request: SignedRequest, of = key) => set.service.updateKey(of.id, action, request, set.client)
const shown = (of = key) => {
  const { state, revision, settled, label } = set.service.getKey(of.id, set.client)
  return [state, revision, settled, label]
}
const held = (of = key) => set.signers.map((s) => s.store.getKey(of.keyId)).map((r) => `${r?.usage} ${r?.revision}`)
const sign = (of = key) => set.service.sign(askFor(set, of, someMessage()), set.client, 8000)

describe('key updates', () => {
  it.each(['eddsa-ed25519', 'ecdsa-secp256k1'] as const)('%s: freeze and unfreeze, at every signer', async (scheme) => {
    const of = await makeKey(set, scheme)
    await expectWorks(set, of)
    const freeze = update({ revision: 1, state: 'frozen', label: 'cold' }, 'cred_alice', of)
    const answer = await apply('freeze', freeze, of)
    expect(answer).toMatchObject({ id: of.id, state: 'frozen', revision: 1, settled: true, label: 'cold' })
    expect(receiptsOfAll(requestHash(freeze.document), answer.receipts, set.roster, set.curves)).toBe(true)
    expect(held(of)).toEqual(Array(3).fill('frozen 1'))
    const problem = await problemOf(sign(of))
    expect([problem.code, problem.outcome]).toEqual(['key_frozen', 'none'])
    expect(await apply('freeze', freeze, of)).toEqual(answer)
    await apply('unfreeze', update({ revision: 2 }, 'cred_alice', of), of)
    expect(shown(of)).toEqual(['active', 2, true, null])
    await expectWorks(set, of)
  })

  it('T-07 a freeze between the rounds of a session: 409, and no share of this signer', async () => {
    const of = await makeKey(set, 'ecdsa-secp256k1')
    // With a PRSS generation made, the next frames of this route are the signature's.
    await expectWorks(set, of)
    let frozen = false
    const replies: Reply[] = []
    set.hooks.tamper = async (to, route, frame, deliver) => {
      if (route !== 'round' || to !== 1) return await deliver(frame)
      if (!frozen) {
        frozen = true
        const answer = await apply('freeze', update({ revision: 1, state: 'frozen' }, 'cred_alice', of), of)
        expect(answer.settled).toBe(true)
      }
      const answer = await deliver(frame)
      replies.push(REPLY.decode(answer))
      return answer
    }
    const request = askFor(set, of, someMessage(), 'req_between')
    const problem = await problemOf(set.service.sign(request, set.client, 8000))
    expect([problem.code, problem.outcome, frozen]).toEqual(['key_frozen', 'unknown', true])
    // The second session is about a refused item: what its signers answer holds no share, and no ledger has the request.
    expect([replies[0]?.code, replies[0]?.envelopes]).toEqual(['KEY_FROZEN', []])
    const asked = { credentialId: 'cred_alice', tenant: 'alice', requestId: 'req_between' }
    expect(set.signers.map((s) => s.store.lookup([asked])[0])).toEqual([null, null, null])
  })

  it('are not answered while one signer is away; it gets them when it is back, without anybody asking', async () => {
    set.kill(3)
    const freeze = update({ revision: 1, state: 'frozen' })
    const problem = await problemOf(apply('freeze', freeze))
    expect([problem.code, problem.outcome, problem.missing]).toEqual(['quorum_unavailable', 'unknown', ['signer-3']])
    expect([shown(), held()]).toEqual([
      ['frozen', 1, false, null],
      ['frozen 1', 'frozen 1', 'active 0'],
    ])
    // Two of three have it, so there is no quorum without them: n - t + 1.
    expect((await problemOf(sign())).code).toBe('key_frozen')
    await set.restartCoordinator()
    set.revive(3)
    await until('settled', () => set.service.getKey(key.id, set.client).settled)
    expect(held()).toEqual(Array(3).fill('frozen 1'))
    expect((await apply('freeze', freeze)).receipts).toHaveLength(3)
  })

  it('that a signer missed for good are healed by the next', async () => {
    deaf(2)
    await problemOf(apply('freeze', update({ revision: 1, state: 'frozen', expiresAt: Date.now() + 300 })))
    set.clocks.set(0, 40_000)
    calm()
    await new Promise((resolve) => setTimeout(resolve, 100))
    set.clocks.clear()
    expect(held()).toEqual(['frozen 1', 'active 0', 'frozen 1'])
    expect(shown()).toEqual(['frozen', 1, false, null])
    await apply('archive', update({ revision: 2, state: 'archived' }))
    expect(held()).toEqual(Array(3).fill('archived 2'))
    expect(shown()).toEqual(['archived', 2, true, null])
    expect((await problemOf(apply('unfreeze', update({ revision: 3 })))).code).toBe('key_frozen')
  })

  it('of an old revision, or another of the same, are 409 and reach nobody', async () => {
    deaf(3)
    await problemOf(apply('freeze', update({ revision: 5, state: 'frozen' })))
    calm()
    for (const revision of [4, 5]) {
      const problem = await problemOf(apply('unfreeze', update({ revision })))
      expect([problem.code, problem.outcome]).toEqual(['revision_conflict', 'none'])
    }
    await until('settled', () => set.service.getKey(key.id, set.client).settled)
    expect(held()).toEqual(Array(3).fill('frozen 5'))
  })

  it('come one at a time: of two at once one is done and the other told so', async () => {
    const calls = [update({ revision: 1, label: 'a' }), update({ revision: 1, label: 'b' })].map((r) => apply('label', r))
    const ends = await Promise.allSettled(calls)
    expect(ends.map((e) => e.status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(new Set(set.signers.map((s) => s.store.getKey(key.keyId)?.label)).size).toBe(1)
  })

  it('have to say what their path says, of a key of the caller', async () => {
    const other = await makeKey(set, SCHEME)
    const bobs = await makeKey(set, SCHEME, 'cred_bob')
    const cases: [KeyAction, SignedRequest, string][] = [
      ['freeze', update({ revision: 1, state: 'active' }), 'malformed_request'],
      ['unfreeze', update({ revision: 1, state: 'frozen' }), 'malformed_request'],
      ['archive', update({ revision: 1, state: 'frozen' }), 'malformed_request'],
      ['label', update({ revision: 1, state: 'frozen', label: 'x' }), 'revision_conflict'],
      ['freeze', update({ revision: 1, state: 'frozen' }, 'cred_alice', other), 'malformed_request'],
      ['freeze', update({ revision: 1, state: 'frozen' }, 'cred_alice', bobs), 'key_not_found'],
      ['freeze', update({ revision: 1, state: 'frozen' }, 'cred_bob'), 'key_not_found'],
      ['freeze', askFor(set, key, someMessage()), 'malformed_request'],
    ]
    for (const [action, request, code] of cases) expect((await problemOf(apply(action, request))).code).toBe(code)
    for (const of of [key, other, bobs]) expect(held(of)).toEqual(Array(3).fill('active 0'))
  })

  it('T-08 without the owner’s signature change nothing, here neither', async () => {
    const good = update({ revision: 1, state: 'frozen' })
    const [authorization] = good.authorizations
    const forged = { ...good, authorizations: [{ ...authorization, signature: new Uint8Array(64) }] } as typeof good
    const problem = await problemOf(apply('freeze', forged))
    expect([problem.code, problem.outcome]).toEqual(['authorization_invalid', 'none'])
    expect(shown()).toEqual(['active', 0, true, null])
    expect((await apply('freeze', good)).revision).toBe(1)
  })

  it('are not done when a signer only says so: its receipt has to be its signature', async () => {
    set.hooks.tamper = async (to, route, frame, deliver) => {
      const answer = await deliver(frame)
      if (to !== 2 || route !== 'updateKey') return answer
      return REPLY.encode({ ...REPLY.decode(answer), result: new Uint8Array(64).fill(1) })
    }
    const problem = await problemOf(apply('freeze', update({ revision: 1, state: 'frozen' })))
    expect([problem.code, problem.missing]).toEqual(['quorum_unavailable', ['signer-2']])
  })

  it('that a signer cannot take yet reach it when it can: what passes is no refusal', async () => {
    let refused = 0
    set.hooks.tamper = async (to, route, frame, deliver) => {
      if (to !== 3 || route !== 'updateKey') return await deliver(frame)
      refused += 1
      // As a signer says whose certificate of the key is still on its way.
      return REPLY.encode({ ...NO_REPLY, type: REPLY_TYPES.refused, code: 'key_not_found' })
    }
    const problem = await problemOf(apply('freeze', update({ revision: 1, state: 'frozen' })))
    expect([problem.code, problem.missing]).toEqual(['quorum_unavailable', ['signer-3']])
    await until('asked again', () => refused > 1)
    calm()
    await until('settled', () => set.service.getKey(key.id, set.client).settled)
    expect(held()).toEqual(Array(3).fill('frozen 1'))
  })

  it('T-08 are not shown on the receipt of fewer than t signers, who could all be malicious', async () => {
    const good = update({ revision: 9, state: 'archived', label: 'mine now' })
    const [authorization] = good.authorizations
    const forged = { ...good, authorizations: [{ ...authorization, signature: new Uint8Array(64) }] } as typeof good
    set.hooks.tamper = async (to, route, frame, deliver) => {
      const answer = await deliver(frame)
      if (to !== 3 || route !== 'updateKey') return answer
      const seed = set.identities[2]?.signSeed as Uint8Array
      const result = set.curves.ed25519Sign(receiptMessage(requestHash(forged.document)), seed)
      return REPLY.encode({ ...NO_REPLY, type: REPLY_TYPES.done, result })
    }
    const problem = await problemOf(apply('archive', forged))
    expect([problem.code, problem.outcome]).toEqual(['authorization_invalid', 'unknown'])
    expect([shown(), held()]).toEqual([['active', 0, true, null], Array(3).fill('active 0')])
    calm()
    expect((await apply('freeze', update({ revision: 1, state: 'frozen' }))).state).toBe('frozen')
  })
})

describe('the directory', () => {
  it('lists archived keys only when asked, and follows labels', async () => {
    const other = await makeKey(set, SCHEME)
    await apply('archive', update({ revision: 1, state: 'archived', label: 'gone' }))
    await apply('label', update({ revision: 1, label: 'kept' }, 'cred_alice', other), other)
    const ids = (query: object) => set.service.listKeys({ limit: 9, ...query }, set.client).keys.map((k) => k.id)
    expect(ids({})).toEqual([other.id])
    expect(ids({ state: 'archived' })).toEqual([key.id])
    expect([ids({ state: 'active' }), ids({ state: 'frozen' })]).toEqual([[other.id], []])
    expect([ids({ label: 'kept' }), ids({ label: 'gone' })]).toEqual([[other.id], []])
    expect(ids({ label: 'gone', state: 'archived', scheme: SCHEME })).toEqual([key.id])
  })

  it('comes back from the signers with states and labels; one liar changes nothing', async () => {
    await apply('freeze', update({ revision: 3, state: 'frozen', label: 'cold' }))
    set.hooks.tamper = async (to, route, frame, deliver) => {
      const answer = await deliver(frame)
      if (to !== 1 || route !== 'certificate') return answer
      return CERTIFICATE_REPLY.encode({ ...CERTIFICATE_REPLY.decode(answer), usage: 'archived', revision: 99, label: 'liar' })
    }
    set.forgetKeys()
    await set.restartCoordinator()
    await until('the key', () => set.service.listKeys({ limit: 9 }, set.client).keys.length === 1)
    expect(shown()).toEqual(['frozen', 3, false, 'cold'])
    calm()
    expect((await problemOf(sign())).code).toBe('key_frozen')
    await apply('unfreeze', update({ revision: 4 }))
    expect(shown()).toEqual(['active', 4, true, null])
    await expectWorks(set, key)
  })
})
