import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SignatureView, SignedRequest } from '../../../src/host/api/coordinator-service.ts'
import { ApiProblem } from '../../../src/host/api/problem.ts'
import { REPLY, REPLY_TYPES, type Reply } from '../../../src/protocol/frames/signer-frames.ts'
import { inProcessSet, type TestSet } from './in-process-set.ts'
import {
  askFor,
  expectSigned,
  expectWorks,
  isEcdsa,
  isValid,
  makeKey,
  makeKeys,
  payloadOf,
  problemOf,
  SCHEMES,
  type Scheme,
  sign,
  someMessage,
  type TestKey,
} from './signing-keys.ts'
import { until } from './until.ts'

let set: TestSet
let keys: Readonly<Record<Scheme, TestKey>>
beforeAll(async () => {
  set = await inProcessSet()
  keys = await makeKeys(set)
})
afterAll(() => set.close())

describe.each(SCHEMES)('%s', (scheme) => {
  it('signs under load, batched, each signature for its own message', async () => {
    const from = set.reports.length
    const messages = Array.from({ length: 100 }, () => someMessage())
    const views = await Promise.all(messages.map((message) => sign(set, keys[scheme], message)))
    for (const [i, view] of views.entries()) {
      expectSigned(keys[scheme], messages[i] as Uint8Array, view)
      expect(view.signers).toHaveLength(isEcdsa(scheme) ? 3 : 2)
      expect(view.engine).toBe(isEcdsa(scheme) ? 'hm' : 'frost')
    }
    expect(set.reports.length - from).toBeLessThan(10)
    expect(new Set(views.map((v) => Buffer.from(v.signature?.compact ?? []).toString('hex'))).size).toBe(100)
  })

  it('the same bytes get the same answer: at once, again, and by id', async () => {
    const message = someMessage()
    const request = askFor(set, keys[scheme], message)
    const from = set.reports.length
    const views = await Promise.all(Array.from({ length: 20 }, () => set.service.sign(request, set.client, 5000)))
    for (const view of views) expect(view).toEqual(views[0])
    expect(set.reports.slice(from).flatMap((r) => r.items)).toHaveLength(1)
    expect((await set.service.sign(request, set.client, 5000)).signature).toEqual(views[0]?.signature)
    expect((await set.service.getSignature(views[0]?.id ?? '', set.client, 0)).signature).toEqual(views[0]?.signature)
  })

  it('T-07 other bytes under a request id are 409: at once, afterwards, and at the signers when the coordinator has forgotten', async () => {
    const [a, b] = [someMessage(), someMessage()]
    const requestId = `req_twice-${scheme}`
    const [one, two] = [a, b].map((message) => askFor(set, keys[scheme], message, requestId))
    if (one === undefined || two === undefined) throw new Error('no requests')
    const first = set.service.sign(one, set.client, 5000)
    expect((await problemOf(set.service.sign(two, set.client, 5000))).code).toBe('request_replayed')
    expectSigned(keys[scheme], a, await first)
    expect((await problemOf(set.service.sign(two, set.client, 5000))).code).toBe('request_replayed')
    set.store.database.statement('DELETE FROM signatures').run()
    const problem = await problemOf(set.service.sign(two, set.client, 5000))
    expect([problem.code, problem.outcome]).toEqual(['request_replayed', 'none'])
    expectSigned(keys[scheme], a, await set.service.sign(one, set.client, 5000))
  })

  it('T-07 an id that another document takes between the rounds: nothing leaves that signer, and nothing after it', async () => {
    const message = someMessage()
    const request = askFor(set, keys[scheme], message, `req_taken-${scheme}`)
    const seen: Reply[] = []
    for (let tries = 0; seen.length === 0; tries++) {
      expect(tries).toBeLessThan(4)
      set.hooks.tamper = async (to, route, frame, deliver) => {
        if (to !== 1 || route !== 'round' || seen.length > 0) return await deliver(frame)
        const owner = { credentialId: 'cred_alice', tenant: 'alice', requestId: `req_taken-${scheme}` }
        const times = { expiresAt: Date.now() + 60_000, firstSentAt: Date.now() }
        set.signerOf(1).store.claim([{ ...owner, requestHash: new Uint8Array(32).fill(tries + 1), ...times }])
        seen.push(REPLY.decode(await deliver(frame)), REPLY.decode(await deliver(frame)))
        return REPLY.encode(seen[0] as Reply)
      }
      // FROST takes signers in turn: it may come by without this one, until it does.
      await set.service.sign(request, set.client, 5000).catch(() => undefined)
      if (seen.length === 0) set.store.database.statement('DELETE FROM signatures').run()
    }
    set.hooks.tamper = (_to, _route, frame, deliver) => deliver(frame)
    expect(seen.map((r) => [r.type, r.code, r.envelopes.length])).toEqual([
      [REPLY_TYPES.failed, 'REQUEST_REPLAYED', 0],
      [REPLY_TYPES.failed, 'STOPPED', 0],
    ])
    const end = await set.service.sign(request, set.client, 5000).catch((error: unknown) => error)
    // The other two never saw the other document. ECDSA needs all three.
    if (isEcdsa(scheme)) expect(end).toMatchObject({ code: 'request_replayed', outcome: 'none' })
    else expectSigned(keys[scheme], message, end as SignatureView)
  })

  it('decision 8: another credential’s key is no key', async () => {
    const problem = await problemOf(
      set.service.sign(askFor(set, keys[scheme], someMessage(), undefined, 'cred_bob'), set.client, 5000),
    )
    expect(problem.code).toBe('key_not_found')
    const foreign = await problemOf(set.service.getSignature('sig_00', { name: 'x', credentials: [] }, 0))
    expect(foreign.code).toBe('not_found')
  })

  it('decision 13: a bad request in a batch of good ones fails alone, for its own reason', async () => {
    const good = Array.from({ length: 8 }, () => someMessage())
    const unsigned = askFor(set, keys[scheme], someMessage())
    const [authorization] = unsigned.authorizations
    const bad = { ...unsigned, authorizations: [{ ...authorization, signature: new Uint8Array(64) }] } as typeof unsigned
    const from = set.reports.length
    const calls = good.map((message) => sign(set, keys[scheme], message))
    const refused = problemOf(set.service.sign(bad, set.client, 5000))
    for (const [i, view] of (await Promise.all(calls)).entries()) expectSigned(keys[scheme], good[i] as Uint8Array, view)
    expect([(await refused).code, (await refused).outcome]).toEqual(['authorization_invalid', 'none'])
    expect(set.reports[from]?.items.length).toBe(9)
  })
})

describe('a request', () => {
  it('takes what is left of `wait_ms` and goes on without its caller', async () => {
    const message = someMessage()
    const pending = await set.service.sign(askFor(set, keys['eddsa-ed25519'], message), set.client, 0)
    expect([pending.state, pending.signature]).toEqual(['pending_signing', null])
    const view = await set.service.getSignature(pending.id, set.client, 5000)
    expectSigned(keys['eddsa-ed25519'], message, view)
  })

  it('that failed can be read, and sent again', async () => {
    const key = keys['eddsa-ed25519']
    const message = someMessage()
    const request = askFor(set, key, message)
    set.hooks.tamper = async (_to, route, frame, deliver) => {
      if (route === 'openSigning') throw new Error('unreachable')
      return await deliver(frame)
    }
    const problem = await problemOf(set.service.sign(request, set.client, 5000))
    set.hooks.tamper = (_to, _route, frame, deliver) => deliver(frame)
    expect([problem.code, problem.outcome]).toEqual(['quorum_unavailable', 'none'])
    await until('all up', () => set.monitor.up().length === 3)
    expectSigned(key, message, await set.service.sign(request, set.client, 5000))
  })

  it('that has expired is 410, by the coordinator’s clock and by the signers’', async () => {
    const fields = set.sign('eddsa-ed25519', keys['eddsa-ed25519'].keyId, payloadOf('eddsa-ed25519', someMessage()))
    const expiresAt = Date.now() - 40_000
    const expired = set.request('cred_alice', { ...fields, issuedAt: expiresAt - 60_000, expiresAt })
    expect((await problemOf(set.service.sign(expired, set.client, 5000))).code).toBe('request_expired')
    const from = set.reports.length
    set.clocks.set(0, -25_000)
    const problem = await problemOf(set.service.sign(expired, set.client, 5000))
    set.clocks.clear()
    expect([problem.code, problem.outcome, set.reports.length > from]).toEqual(['request_expired', 'none', true])
  })

  it('with a bare digest needs the privilege, at the signers', async () => {
    const bob = await makeKey(set, 'ecdsa-secp256k1', 'cred_bob')
    const digest = { kind: 'digest' as const, digest: someMessage(32) }
    const ask = (who: string, key: TestKey) =>
      set.service.sign(set.request(who, set.sign(key.scheme, key.keyId, digest)), set.client, 5000)
    expect((await problemOf(ask('cred_bob', bob))).code).toBe('raw_digest_forbidden')
    expect((await ask('cred_alice', keys['ecdsa-secp256k1'])).state).toBe('signed')
  })

  it('S-06 is judged by each signer: a coordinator that frames something else gets nothing', async () => {
    const key = keys['eddsa-ed25519']
    const message = someMessage()
    const other = askFor(set, key, someMessage())
    const lie = {
      instance: new Uint8Array(200).fill(1),
      requestId: 'req_lie',
      request: { ...other.authorizations[0], document: other.document } as never,
      input: message,
      publicKey: key.publicKey,
      verifyingShares: new Map([1, 2, 3].map((id) => [id, key.publicKey])),
    }
    const failed = set.scheduler.sign(lie, 'eddsa-ed25519', 2, Date.now() + 5000)
    await expect(failed).rejects.toMatchObject({ released: false, failure: { type: 'refused' } })
  })

  it('of the largest size goes through, and a crowd of them in frames that fit', async () => {
    const large = await inProcessSet({ config: { maxBatch: 256 } })
    try {
      const key = await makeKey(large, 'eddsa-ed25519')
      const messages = Array.from({ length: 45 }, (_, i) => someMessage(65_536 - (i % 3)))
      const views = await Promise.all(messages.map((message) => sign(large, key, message)))
      for (const [i, view] of views.entries()) expect(isValid(key, messages[i] as Uint8Array, view.signature)).toBe(true)
      expect(large.reports.every((r) => r.end.type === 'done')).toBe(true)
      expect(large.reports.filter((r) => r.items.length > 1).length).toBeGreaterThan(1)
    } finally {
      large.close()
    }
  })

  it('is turned away at once when its owner has half of the queue, or the queue is full, and the others are served', async () => {
    const small = await inProcessSet({ config: { maxQueue: 5, maxBatch: 2, batchesInFlight: 1 } })
    try {
      const [alices, bobs] = [
        await makeKey(small, 'eddsa-ed25519', 'cred_alice'),
        await makeKey(small, 'eddsa-ed25519', 'cred_bob'),
      ]
      const ask = (who: string, key: TestKey) =>
        small.service.sign(askFor(small, key, someMessage(), undefined, who), small.client, 5000)
      const ends = (who: string, key: TestKey) =>
        Promise.all(
          Array.from({ length: 10 }, () =>
            ask(who, key).then(
              (v) => v.state,
              (e) => e.code,
            ),
          ),
        )
      const [alice, bob] = await Promise.all([ends('cred_alice', alices), ends('cred_bob', bobs)])
      const signed = (list: readonly string[]) => list.filter((end) => end === 'signed').length
      expect([signed(alice), signed(bob)]).toEqual([3, 2])
      expect([...alice, ...bob].filter((end) => end === 'overloaded')).toHaveLength(15)
      await expectWorks(small, alices)
    } finally {
      small.close()
    }
  })

  it('with wait_ms=0, thousands of times, fills no mailbox for the others', async () => {
    const set = await inProcessSet({ config: { maxQueue: 20, maxBatch: 2, batchesInFlight: 1 } })
    try {
      const [alices, bobs] = [await makeKey(set, 'eddsa-ed25519', 'cred_alice'), await makeKey(set, 'eddsa-ed25519', 'cred_bob')]
      // No session ends before bob has come.
      const held = Promise.withResolvers<void>()
      set.hooks.tamper = async (_to, route, frame, deliver) => {
        if (route === 'openSigning') await held.promise
        return await deliver(frame)
      }
      const requests = Array.from({ length: 2000 }, () => askFor(set, alices, someMessage(), undefined, 'cred_alice'))
      const asked = await Promise.all(requests.map((r) => set.service.sign(r, set.client, 0).catch((e) => e)))
      const refused = asked.filter((a): a is ApiProblem => a instanceof ApiProblem)
      expect(asked.length - refused.length).toBe(10)
      for (const problem of refused) {
        expect([problem.code, problem.outcome, problem.retryAfterMs]).toEqual(['overloaded', 'none', 250])
      }
      // What is under way already is no new request, and may be asked for as often as one likes.
      expect((await set.service.sign(requests[0] as SignedRequest, set.client, 0)).state).toBe('pending_signing')
      const bob = set.service.sign(askFor(set, bobs, someMessage(), undefined, 'cred_bob'), set.client, 5000)
      held.resolve()
      expect((await bob).state).toBe('signed')
      // Alice's share is hers again when hers are done.
      for (const request of requests.slice(0, 10)) await set.service.sign(request, set.client, 5000)
      for (let i = 0; i < 2; i++) {
        const more = Array.from({ length: 10 }, () => askFor(set, alices, someMessage(), undefined, 'cred_alice'))
        const views = await Promise.all(more.map((r) => set.service.sign(r, set.client, 5000)))
        expect(views.map((v) => v.state)).toEqual(Array(10).fill('signed'))
      }
    } finally {
      set.close()
    }
  })
})

it('F-04 a signer with too many open sessions says so, and the client is told to come back', async () => {
  const key = keys['eddsa-ed25519']
  set.hooks.tamper = async (_to, route, frame, deliver) => {
    const reply = await deliver(frame)
    if (route !== 'openSigning') return reply
    return REPLY.encode({ ...REPLY.decode(reply), type: REPLY_TYPES.refused, code: 'OVERLOADED', envelopes: [] })
  }
  const problem = await problemOf(sign(set, key, someMessage()))
  set.hooks.tamper = (_to, _route, frame, deliver) => deliver(frame)
  expect([problem.code, problem.outcome]).toEqual(['overloaded', 'none'])
  await expectWorks(set, key)
})

describe('the assembler', () => {
  const lost = () => Object.assign(new Error('worker lost'), { code: 'WORKER_LOST' })
  it('that is lost costs a session, not the request', async () => {
    const { assemble } = set.hooks
    let calls = 0
    set.hooks.assemble = (command) => {
      calls += 1
      if (calls === 1) throw lost()
      return assemble(command)
    }
    for (const scheme of SCHEMES) await expectWorks(set, keys[scheme])
    expect(calls).toBe(SCHEMES.length + 1)
    set.hooks.assemble = assemble
  })

  it('that stays lost, or breaks: the request ends, and says that shares may have left', async () => {
    const { assemble } = set.hooks
    for (const error of [lost(), new TypeError('a bug')]) {
      set.hooks.assemble = () => {
        throw error
      }
      const problem = await problemOf(sign(set, keys['eddsa-ed25519'], someMessage()))
      expect([problem.code, problem.outcome, problem.culprits]).toEqual(['protocol_abort', 'unknown', undefined])
    }
    set.hooks.assemble = () => new Uint8Array(3)
    const problem = await problemOf(sign(set, keys['eddsa-ed25519'], someMessage()))
    expect([problem.code, problem.outcome]).toEqual(['protocol_abort', 'unknown'])
    set.hooks.assemble = assemble
    expect(set.scheduler.load()).toEqual({ waiting: 0, inFlight: 0 })
    await expectWorks(set, keys['eddsa-ed25519'])
  })
})
