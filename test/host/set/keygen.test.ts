import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { decodeEnvelope } from '../../../src/protocol/channel/envelope.ts'
import { PROTOCOLS } from '../../../src/protocol/channel/setup.ts'
import {
  CERTIFICATE_REPLY,
  KEYS_REPLY,
  REPLY,
  REPLY_TYPES,
  ROUND,
  type Route,
} from '../../../src/protocol/frames/signer-frames.ts'
import { CERTIFICATE, verifyCertificate } from '../../../src/protocol/keygen/certificate.ts'
import { parseKeyId } from '../../../src/protocol/request/ids.ts'
import { inProcessSet, type TestSet } from './in-process-set.ts'
import { askFor, expectWorks, makeKey, problemOf, type Scheme, sign, someMessage, type TestKey } from './signing-keys.ts'
import { sleep, until } from './until.ts'

let set: TestSet
beforeEach(async () => {
  set = await inProcessSet({ times: { heartbeat: 15, heartbeatTimeout: 400, exchange: 1000, keygenExchange: 1500 } })
})
afterEach(() => set.close())

const SCHEME: Scheme = 'eddsa-ed25519'
const request = (requestId?: string, label?: string) =>
  set.request('cred_alice', { ...set.keygen(SCHEME), ...(label !== undefined && { label }) }, requestId)
const create = (r: ReturnType<typeof request>) => set.service.createKey(r, set.client)
const idOf = (r: ReturnType<typeof request>): string => JSON.parse(new TextDecoder().decode(r.document)).request_id
const rowOf = (id: number, r: ReturnType<typeof request>) =>
  set.signerOf(id).store.keyByRequest({ credentialId: 'cred_alice', tenant: 'alice', requestId: idOf(r) })
const states = (r: ReturnType<typeof request>) => [1, 2, 3].map((id) => rowOf(id, r)?.state ?? 'none')
const calm = () => {
  set.hooks.tamper = (_to, _route, frame, deliver) => deliver(frame)
}
const allUp = () => until('all up', () => set.monitor.up().length === 3)
const testKey = (key: Awaited<ReturnType<typeof create>>): TestKey => ({
  scheme: SCHEME,
  id: key.id,
  keyId: parseKeyId(key.id) as Uint8Array,
  publicKey: CERTIFICATE.decode(Buffer.from(key.certificate, 'base64url')).key.publicKey,
})

/** The number of a key generation's round whose envelopes a frame carries; 0 for any other frame. The last is 3. */
function dkgRound(route: Route, frame: Uint8Array): number {
  if (route !== 'round') return 0
  const { round, envelopes } = ROUND.decode(frame)
  return decodeEnvelope(envelopes[0] ?? new Uint8Array(0))?.protocol === PROTOCOLS.dkg ? round : 0
}

describe('key generation', () => {
  it('makes one key per request, for however many ask at once; the certificate carries the word of all', async () => {
    const r = request(undefined, 'main')
    const keys = await Promise.all(Array.from({ length: 6 }, () => create(r)))
    expect(new Set(keys.map((k) => k.id)).size).toBe(1)
    expect(keys[0]).toMatchObject({ state: 'active', label: 'main', owner: 'cred_alice', threshold: 2, parties: 3 })
    const certificate = CERTIFICATE.decode(Buffer.from(keys[0]?.certificate ?? '', 'base64url'))
    expect(verifyCertificate(certificate, set.roster, set.curves)).toBe(true)
    expect((await create(r)).id).toBe(keys[0]?.id)
    expect(states(r)).toEqual(['active', 'active', 'active'])
    await expectWorks(set, testKey(keys[0] as (typeof keys)[number]))
  })

  it('refuses other bytes under a request id: at once, afterwards, and when the coordinator has forgotten', async () => {
    const [one, two] = [request('req_twice', 'one'), request('req_twice', 'two')]
    const first = create(one)
    expect((await problemOf(create(two))).code).toBe('request_replayed')
    const key = await first
    expect((await problemOf(create(two))).code).toBe('request_replayed')
    set.forgetKeys()
    expect((await problemOf(create(two))).code).toBe('request_replayed')
    expect((await create(one)).id).toBe(key.id)
    // Another credential's request of the same name is another request.
    const bobs = await set.service.createKey(set.request('cred_bob', set.keygen(SCHEME), 'req_twice'), set.client)
    expect(bobs.id).not.toBe(key.id)
  })

  it('T-21 does nothing without the requester’s own signature', async () => {
    const r = request()
    const [authorization] = r.authorizations
    const forged = { ...r, authorizations: [{ ...authorization, signature: new Uint8Array(64) }] } as typeof r
    const problem = await problemOf(create(forged))
    expect([problem.code, problem.outcome]).toEqual(['authorization_invalid', 'none'])
    expect(states(r)).toEqual(['none', 'none', 'none'])
  })

  it('every last answer lost: the outcome is unknown, and the same bytes get the key that is there', async () => {
    const r = request()
    set.hooks.tamper = async (_to, route, frame, deliver) => {
      const answer = await deliver(frame)
      if (dkgRound(route, frame) === 3) throw new Error('lost')
      return answer
    }
    const problem = await problemOf(create(r))
    expect([problem.code, problem.outcome]).toEqual(['quorum_unavailable', 'unknown'])
    calm()
    expect(states(r)).toEqual(['active', 'active', 'active'])
    await allUp()
    const key = await create(r)
    expect(Buffer.from(rowOf(2, r)?.keyId ?? []).toString('hex')).toBe(key.id.slice(4))
    await expectWorks(set, testKey(key))
  })

  it.each([1, 2, 3])('the last frame lost on its way to signer %i: it is finished within the call', async (id) => {
    const r = request()
    set.hooks.tamper = async (to, route, frame, deliver) => {
      if (to === id && dkgRound(route, frame) === 3) throw new Error('lost')
      return await deliver(frame)
    }
    const key = await create(r)
    expect([key.state, states(r)]).toEqual(['active', ['active', 'active', 'active']])
  })

  it('a crash between PENDING and ACTIVE: the signer gets its certificate when it is back, without anybody asking', async () => {
    const r = request()
    set.hooks.tamper = async (to, route, frame, deliver) => {
      if (to === 3 && dkgRound(route, frame) === 3) {
        set.restart(3)
        set.kill(3)
      }
      return await deliver(frame)
    }
    const problem = await problemOf(create(r))
    expect([problem.code, problem.missing, problem.outcome]).toEqual(['quorum_unavailable', ['signer-3'], 'unknown'])
    expect(states(r)).toEqual(['active', 'active', 'pending'])
    const [row] = set.service.listKeys({ limit: 5 }, set.client).keys
    expect(row?.state).toBe('pending')
    const key = testKey(row as Awaited<ReturnType<typeof create>>)
    expect((await problemOf(sign(set, key, someMessage()))).code).toBe('key_not_found')
    calm()
    set.revive(3)
    await until('active everywhere', () => states(r).join() === 'active,active,active')
    await until('active', () => set.service.getKey(key.id, set.client).state === 'active')
    await expectWorks(set, key)
    expect((await create(r)).id).toBe(key.id)
  })

  it('a crash of the coordinator after the last frame: the directory is filled from the signers, the key finished', async () => {
    const r = request()
    set.hooks.tamper = async (to, route, frame, deliver) => {
      const answer = await deliver(frame)
      if (dkgRound(route, frame) === 3 && to !== 1) throw new Error('the coordinator died here')
      return answer
    }
    await create(r).catch(() => undefined)
    calm()
    set.forgetKeys()
    await set.restartCoordinator()
    await until('active everywhere', () => states(r).join() === 'active,active,active')
    const key = await create(r)
    expect(key.state).toBe('active')
    await expectWorks(set, testKey(key))
  })

  it('a signer that stored nothing: the key never comes to be, its parts stay where they are, a new request gets a key', async () => {
    const r = request()
    set.hooks.tamper = async (to, route, frame, deliver) => {
      if (to === 2 && dkgRound(route, frame) === 2) {
        set.restart(2)
        throw new Error('crashed')
      }
      return await deliver(frame)
    }
    const problem = await problemOf(create(r))
    expect(problem.outcome).toBe('unknown')
    calm()
    await allUp()
    expect(states(r)).toEqual(['pending', 'none', 'pending'])
    const again = await problemOf(create(r))
    expect(again.code).toBe('protocol_abort')
    expect(states(r)).toEqual(['pending', 'none', 'pending'])
    await expectWorks(set, await makeKey(set, SCHEME))
  })

  it('a store that fails: no certificate leaves, not even when the coordinator goes on with the session', async () => {
    const r = request()
    const { store } = set.signerOf(2)
    const { insertPending } = store
    Object.assign(store, {
      insertPending: () => {
        throw new Error('disk full')
      },
    })
    const mail: Uint8Array[] = []
    let session = new Uint8Array(0)
    set.hooks.tamper = async (to, route, frame, deliver) => {
      if (route === 'abort') throw new Error('the coordinator does not abort')
      const answer = await deliver(frame)
      if (dkgRound(route, frame) === 2) {
        session = Uint8Array.from(ROUND.decode(frame).sessionId)
        if (to !== 2) mail.push(...REPLY.decode(answer).envelopes)
      }
      return answer
    }
    await create(r).catch(() => undefined)
    expect(mail.length).toBeGreaterThanOrEqual(2)
    const link = set.links.get(2)
    const reply = REPLY.decode(
      (await link?.send('round', ROUND.encode({ sessionId: session, round: 3, envelopes: mail }), 1000)) ?? (mail[0] as never),
    )
    expect([reply.type, reply.code, reply.result.length]).toEqual([REPLY_TYPES.failed, 'STOPPED', 0])
    expect(states(r)).toEqual(['pending', 'none', 'pending'])
    Object.assign(store, { insertPending })
  })

  it('keys that can never be finished hide none that can, and are not asked about at every heartbeat', async () => {
    const good = request()
    set.hooks.tamper = async (to, route, frame, deliver) => {
      if (to === 3 && dkgRound(route, frame) === 3) throw new Error('lost')
      if (route === 'certificate') throw new Error('lost')
      return await deliver(frame)
    }
    await create(good).catch(() => undefined)
    expect(states(good)).toEqual(['active', 'active', 'pending'])
    const { store } = set.signerOf(3)
    const row = rowOf(3, good)
    if (row === undefined) throw new Error('no row')
    const { state: _s, certificate: _c, usage: _u, revision: _r, updateHash: _h, updateReceipt: _p, ...pending } = row
    for (let i = 0; i < 150; i++) {
      const keyId = new Uint8Array(32)
      // All of them come before the good one.
      keyId[31] = i
      store.insertPending({ ...pending, keyId, requestId: `req_stuck-${i}` })
    }
    let asked = 0
    set.hooks.tamper = async (_to, route, frame, deliver) => {
      if (route === 'certificate') asked += 1
      return await deliver(frame)
    }
    // The coordinator forgets too: only the signer's own list leads to the key.
    set.forgetKeys()
    await until('active', () => rowOf(3, good)?.state === 'active')
    await sleep(300)
    const before = asked
    await sleep(300)
    expect(asked - before).toBeLessThan(60)
    calm()
  })
})

describe('a lost directory', () => {
  it('comes back from the signers, with owners and labels, and signs; one liar changes nothing', async () => {
    const keys = [await create(request(undefined, 'hot')), await create(request()), await create(request(undefined, 'cold'))]
    set.hooks.tamper = async (to, route, frame, deliver) => {
      const answer = await deliver(frame)
      if (to === 1 && route === 'certificate') {
        const lie = { credentialId: 'cred_bob', requestId: 'req_stolen', label: 'liar', certificate: new Uint8Array(50) }
        return CERTIFICATE_REPLY.encode({ ...CERTIFICATE_REPLY.decode(answer), ...lie })
      }
      if (to === 1 && route === 'keys') return KEYS_REPLY.encode({ keyIds: [new Uint8Array(32).fill(7)] })
      return answer
    }
    set.forgetKeys()
    await set.restartCoordinator()
    await until('three keys', () => set.service.listKeys({ limit: 9 }, set.client).keys.length === 3)
    const found = set.service.listKeys({ limit: 9 }, set.client).keys
    const essence = (k: (typeof found)[number]) => [k.id, k.owner, k.label, k.state, k.certificate].join()
    expect(found.map(essence).sort()).toEqual(keys.map(essence).sort())
    calm()
    for (const key of found) await expectWorks(set, testKey(key))
    expect(
      (
        await problemOf(
          set.service.sign(askFor(set, testKey(found[0] as never), someMessage(), undefined, 'cred_bob'), set.client, 1000),
        )
      ).code,
    ).toBe('key_not_found')
  })

  it('waits for signers that are away rather than believe one', async () => {
    const key = await create(request(undefined, 'hot'))
    set.forgetKeys()
    set.kill(2)
    set.kill(3)
    await set.restartCoordinator()
    await sleep(100)
    expect(set.service.listKeys({ limit: 9 }, set.client).keys).toEqual([])
    set.revive(2)
    set.revive(3)
    await until('the key', () => set.service.listKeys({ limit: 9 }, set.client).keys.length === 1)
    expect(set.service.getKey(key.id, set.client).label).toBe('hot')
  })
})
