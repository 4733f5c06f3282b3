import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { relay } from '../../src/actors/relay-session.ts'
import type { SignerLink } from '../../src/actors/round.ts'
import type { ApiProblem } from '../../src/host/api/problem.ts'
import { decodeEnvelope } from '../../src/protocol/channel/envelope.ts'
import { sessionId as sessionIdOf } from '../../src/protocol/channel/setup.ts'
import { toHex } from '../../src/protocol/engine/bytes.ts'
import { ABORT, CERTIFICATE_REQUEST, OPEN_KEYGEN, REPLY_TYPES, type Reply } from '../../src/protocol/frames/signer-frames.ts'
import { ANSWER } from '../../src/protocol/frost/sign.ts'
import { CERTIFICATE } from '../../src/protocol/keygen/certificate.ts'
import { ownedRequestHash, requestHash } from '../../src/protocol/request/authorize.ts'
import { parseKeyId } from '../../src/protocol/request/ids.ts'
import { inProcessSet, type TestSet } from '../host/set/in-process-set.ts'
import { fresh, type Item, maliciousCoordinator } from './malicious-coordinator.ts'

// One request id stands for one document, whatever the order in which a coordinator asks, also over restarts; and no nonce serves twice.
describe('S-01 a coordinator that replays', () => {
  let set: TestSet
  let c: ReturnType<typeof maliciousCoordinator>
  let keyId: Uint8Array
  let ids = 0
  const newId = (): string => `req_replay-${++ids}`
  const itemOf = (requestId: string): Item => {
    const payload = { kind: 'message' as const, message: fresh(16) }
    return c.itemOf(set.request('cred_alice', set.sign('eddsa-ed25519', keyId, payload), requestId))
  }
  /** A session of signers 1 and 2 up to their first answers. */
  const opened = async (item: Item) => {
    const setup = c.setupOf({})
    const replies = [
      await c.ask(1, 'openSigning', c.openFrame(setup, [item])),
      await c.ask(2, 'openSigning', c.openFrame(setup, [item])),
    ]
    const id = c.signingSessionId(setup, [item])
    return {
      id,
      replies,
      round2: c.roundFrame(
        id,
        1,
        replies.flatMap((r) => r.envelopes),
      ),
    }
  }
  const ledgerOf = (id: number, requestId: string): string => {
    const [hash] = set.signerOf(id).store.lookup([{ credentialId: 'cred_alice', tenant: 'alice', requestId }])
    return hash == null ? '' : toHex(hash)
  }
  /** Bytes of signature shares that left a signer with this reply. */
  const sharesIn = (reply: Reply): number => {
    const envelope = decodeEnvelope(reply.envelopes[0] ?? new Uint8Array(0))
    return envelope === null ? 0 : ANSWER.decode(envelope.body).shares.length
  }
  const hashOf = (item: Item): string => toHex(requestHash(item.request.document))

  beforeAll(async () => {
    set = await inProcessSet()
    c = maliciousCoordinator(set)
    const key = await set.service.createKey(set.request('cred_alice', set.keygen('eddsa-ed25519')), set.client)
    keyId = parseKeyId(key.id) as Uint8Array
  })
  afterEach(() => {
    set.hooks.tamper = (_to, _route, frame, deliver) => deliver(frame)
  })
  afterAll(() => set.close())

  it('one document in many sessions at once is one request; another one under its id is refused by all, before and after restarts', async () => {
    const requestId = newId()
    const [item, other] = [itemOf(requestId), itemOf(requestId)]
    const all = await Promise.all(Array.from({ length: 8 }, () => c.outcomes(c.setupOf({}), [item])))
    expect(all.flat()).toEqual(Array(8).fill('signed'))
    expect(await c.outcomes(c.setupOf({}), [other])).toEqual(['request_replayed'])
    set.restart(1)
    set.loseWorker(2)
    expect(await c.outcomes(c.setupOf({}), [other])).toEqual(['request_replayed'])
    expect(await c.outcomes(c.setupOf({}), [item])).toEqual(['signed'])
    expect([1, 2].map((id) => ledgerOf(id, requestId))).toEqual([hashOf(item), hashOf(item)])
  })

  it.each(['aabb', 'abab', 'abba', 'baab', 'bbaa'])(
    'two documents under one id, frames in the order %s: only the first is answered',
    async (order) => {
      const requestId = newId()
      const items = { a: itemOf(requestId), b: itemOf(requestId) }
      const sessions = new Map<string, Awaited<ReturnType<typeof opened>>>()
      const answered: string[] = []
      for (const which of order as Iterable<'a' | 'b'>) {
        const session = sessions.get(which)
        if (session === undefined) sessions.set(which, await opened(items[which]))
        else if (sharesIn(await c.ask(1, 'round', session.round2)) > 0) answered.push(which)
      }
      expect(answered).toEqual([order[0]])
      expect(ledgerOf(1, requestId)).toBe(hashOf(items[order[0] as 'a' | 'b']))
    },
  )

  it('nor when the second session opens in the very moment in which the first one answers', async () => {
    for (let i = 0; i < 10; i++) {
      const requestId = newId()
      const [first, second] = [itemOf(requestId), itemOf(requestId)]
      const a = await opened(first)
      // The ledger may be read for `second` before `first` is in it, and the reservation of `first` ends with its answer: then both get
      // points, and the ledger itself decides, in the transaction before a share leaves.
      const [answer, b] = await Promise.all([c.ask(1, 'round', a.round2), opened(second)])
      const late = await c.ask(1, 'round', b.round2)
      expect([sharesIn(answer), sharesIn(late)]).toEqual([32, 0])
      expect(ledgerOf(1, requestId)).toBe(hashOf(first))
    }
  })

  it('a session that was never answered uses nothing up: after a restart either document can be signed, then only that one', async () => {
    const requestId = newId()
    const [item, other] = [itemOf(requestId), itemOf(requestId)]
    const a = await opened(item)
    expect(await c.outcomes(c.setupOf({}), [other])).toEqual(['request_replayed'])
    set.restart(1)
    set.restart(2)
    expect((await c.ask(1, 'round', a.round2)).code).toBe('STOPPED')
    expect(await c.outcomes(c.setupOf({}), [other])).toEqual(['signed'])
    expect(await c.outcomes(c.setupOf({}), [item])).toEqual(['request_replayed'])
  })

  it('a share that could not be put into the ledger does not leave, also when it is asked for again', async () => {
    const requestId = newId()
    const [item, other] = [itemOf(requestId), itemOf(requestId)]
    const a = await opened(item)
    // What a second signer process on this store, or a race that nobody thought of, would have done meanwhile.
    set.signerOf(1).store.claim([
      {
        credentialId: 'cred_alice',
        tenant: 'alice',
        requestId,
        requestHash: requestHash(other.request.document),
        expiresAt: Date.now() + 60_000,
        firstSentAt: Date.now(),
      },
    ])
    const replies = [await c.ask(1, 'round', a.round2), await c.ask(1, 'round', a.round2)]
    expect(replies.map((r) => [r.type, r.envelopes.length])).toEqual([
      [REPLY_TYPES.failed, 0],
      [REPLY_TYPES.failed, 0],
    ])
  })

  it('F-01, F-02 no commitment is ever made twice: repeated frames, parallel ones, aborted and restarted sessions', async () => {
    const item = itemOf(newId())
    const setup = c.setupOf({})
    const frame = c.openFrame(setup, [item])
    const id = c.signingSessionId(setup, [item])
    const all = await Promise.all(Array.from({ length: 5 }, () => c.ask(1, 'openSigning', frame)))
    expect(all.map((r) => r.code)).toEqual(['', 'SESSION_REUSED', 'SESSION_REUSED', 'SESSION_REUSED', 'SESSION_REUSED'])
    await c.ask(1, 'abort', ABORT.encode({ sessionId: id }))
    expect((await c.ask(1, 'openSigning', frame)).code).toBe('SESSION_REUSED')
    const before = toHex(all[0]?.envelopes[0] as Uint8Array)
    // A restart forgets which sessions there were. None of them names the new start, so none can be entered again: a second broadcast
    // of a session, validly signed, would be proof of equivocation to its peers.
    set.restart(1)
    expect((await c.ask(1, 'openSigning', frame)).code).toBe('SETUP_STALE')
    set.loseWorker(1)
    expect((await c.ask(1, 'openSigning', frame)).code).toBe('SETUP_STALE')
    const renamed = { ...setup, boots: c.setupOf({}).boots }
    const after = await c.ask(1, 'openSigning', c.openFrame(renamed, [item]))
    expect(after.type).toBe(REPLY_TYPES.sent)
    expect(toHex(after.envelopes[0] as Uint8Array)).not.toBe(before)
    // The other signer is in the first session still: what signer 1 said there and here does not go together, and nobody is accused.
    const second = await c.ask(2, 'openSigning', frame)
    const mixed = [...(all[0]?.envelopes ?? []), ...second.envelopes, ...after.envelopes]
    const answers = [
      await c.ask(1, 'round', c.roundFrame(c.signingSessionId(renamed, [item]), 1, mixed)),
      await c.ask(2, 'round', c.roundFrame(id, 1, mixed)),
    ]
    expect(answers.map((r) => [r.type, r.culprits])).toEqual([
      [REPLY_TYPES.sent, []],
      [REPLY_TYPES.done, []],
    ])
  })

  it('hm 7.1 ticket: two set-ups at once with one ticket, one session opens; with a ticket of another signer or none, none does', async () => {
    const made = await set.service.createKey(set.request('cred_alice', set.keygen('ecdsa-secp256k1')), set.client)
    const payload = { kind: 'message' as const, message: fresh(16), hash: 'sha256' as const }
    const item = c.itemOf(set.request('cred_alice', set.sign('ecdsa-secp256k1', parseKeyId(made.id) as Uint8Array, payload)))
    const setup = c.setupOf({ protocol: 'hm', suite: 'ecdsa-secp256k1', signers: [1, 2, 3] })
    const hm = await c.supplies()
    const open = (tickets: readonly Uint8Array[]) =>
      c.ask(1, 'openSigning', c.openFrame({ ...setup, coordinatorNonce: fresh(32) }, [item], { ...hm, tickets }))
    const [, second, third] = hm.tickets as readonly [Uint8Array, Uint8Array, Uint8Array]
    for (const own of [second, third, fresh(16), new Uint8Array(16)])
      expect((await open([own, second, third])).code).toBe('HM_TICKET')
    expect((await open([second, third])).type).toBe(REPLY_TYPES.refused)
    const replies = await Promise.all([open(hm.tickets), open(hm.tickets), open(hm.tickets)])
    expect(replies.map((r) => r.code).sort()).toEqual(['', 'HM_TICKET', 'HM_TICKET'])
    expect(replies.filter((r) => r.type === REPLY_TYPES.sent)).toHaveLength(1)
  })

  it('F-01, hm 7.1 replay: hm runs no context twice, whatever is repeated', async () => {
    const made = await set.service.createKey(set.request('cred_alice', set.keygen('ecdsa-secp256k1')), set.client)
    const payload = { kind: 'message' as const, message: fresh(16), hash: 'sha256' as const }
    const item = c.itemOf(set.request('cred_alice', set.sign('ecdsa-secp256k1', parseKeyId(made.id) as Uint8Array, payload)))
    const setup = c.setupOf({ protocol: 'hm', suite: 'ecdsa-secp256k1', signers: [1, 2, 3] })
    const hm = await c.supplies()
    const run = await c.run(setup, [item], hm)
    expect(run.second.map((r) => r.type)).toEqual([REPLY_TYPES.done, REPLY_TYPES.done, REPLY_TYPES.done])
    const again = await Promise.all([1, 2, 3].map((id) => c.ask(id, 'round', run.relayed)))
    expect(again).toEqual(run.second)
    expect((await c.ask(1, 'openSigning', c.openFrame(setup, [item], hm))).code).toMatch(/^(HM_TICKET|SESSION_REUSED)$/)
    const other = { ...setup, coordinatorNonce: fresh(32) }
    expect((await c.ask(1, 'openSigning', c.openFrame(other, [item], hm))).code).toBe('HM_TICKET')
    set.loseWorker(1)
    expect((await c.ask(1, 'openSigning', c.openFrame(other, [item], hm))).code).toBe('SETUP_STALE')
    const renamed = { ...other, boots: c.setupOf({ signers: [1, 2, 3] }).boots }
    expect((await c.ask(1, 'openSigning', c.openFrame(renamed, [item], hm))).code).toBe('HM_KID')
  })

  it('T-09, T-10 nothing of a session outlives its deadline, and an expired document opens none', async () => {
    const item = itemOf(newId())
    const a = await opened(item)
    set.clocks.set(1, 120_000)
    try {
      expect((await c.ask(1, 'round', a.round2)).code).toBe('HM_STALE')
      const late = c.setupOf({ deadline: Date.now() + 125_000 })
      const frame = c.openFrame(late, [itemOf(newId())])
      const reply = await c.ask(1, 'openSigning', frame)
      // The session is in time, the document is not: no point for it.
      const end = c.combine({ ...late, signers: [1, 2] }, [item], {
        sessionId: c.signingSessionId(late, [item]),
        first: [reply, reply],
        second: [reply, reply],
      })
      expect(end.outcomes[0]?.type).not.toBe(0)
      expect(ledgerOf(1, item.requestId)).toBe('')
    } finally {
      set.clocks.clear()
    }
  })

  it('a signer whose clock stepped back takes part in nothing', async () => {
    const setup = c.setupOf({})
    set.signerOf(1).ready = false
    for (const route of ['openSigning', 'openKeygen', 'openPrss', 'round'] as const) {
      expect((await c.ask(1, route, c.openFrame(setup, [itemOf(newId())]))).code).toBe('CLOCK')
    }
    set.signerOf(1).ready = true
  })

  it('two documents under one id from two connections at once: an honest coordinator takes one', async () => {
    const code = (call: Promise<unknown>): Promise<string> =>
      call.then(
        () => 'done',
        (error: ApiProblem) => error.code,
      )
    const requestId = newId()
    const sign = () =>
      set.request('cred_alice', set.sign('eddsa-ed25519', keyId, { kind: 'message', message: fresh(8) }), requestId)
    const signing = [sign(), sign()].map((request) => code(set.service.sign(request, set.client, 5000)))
    expect((await Promise.all(signing)).sort()).toEqual(['done', 'request_replayed'])
    const other = newId()
    const make = (label: string) => set.request('cred_alice', { ...set.keygen('eddsa-ed25519'), label }, other)
    const making = ['a', 'b'].map((label) => code(set.service.createKey(make(label), set.client)))
    expect((await Promise.all(making)).sort()).toEqual(['done', 'request_replayed'])
  })

  it('K-15 a keygen request in two runs at once makes one key at most, and no two signers hold different ones for it', async () => {
    const request = set.request('cred_alice', set.keygen('eddsa-ed25519'))
    const requestId = JSON.parse(new TextDecoder().decode(request.document)).request_id
    const purpose = ownedRequestHash(requestHash(request.document), 'cred_alice')
    const runs = await Promise.all(
      [0, 1].map(async () => {
        const setup = c.setupOf({ protocol: 'dkg', signers: [1, 2, 3] })
        const frame = OPEN_KEYGEN.encode({ setup, requestId, request: c.framed(request) })
        return await relay([...set.links.values()], { route: 'openKeygen', frame }, sessionIdOf({ ...setup, purpose }), 5000)
      }),
    )
    const certified = runs.flatMap((run) =>
      [...(run.type === 'done' ? run.replies : run.finished).values()].map((r) => toHex(CERTIFICATE.decode(r.result).key.keyId)),
    )
    expect(new Set(certified).size).toBeLessThanOrEqual(1)
    const held = [1, 2, 3].map((id) =>
      set.signerOf(id).store.keyByRequest({ credentialId: 'cred_alice', tenant: 'alice', requestId }),
    )
    const active = held.flatMap((key) => (key?.state === 'active' ? [toHex(key.keyId)] : []))
    expect(new Set(active).size).toBeLessThanOrEqual(1)
  })

  it('K-14, K-15 a certificate of another key, or of fewer signers, makes no pending key active', async () => {
    const request = set.request('cred_alice', set.keygen('eddsa-ed25519'))
    const requestId = JSON.parse(new TextDecoder().decode(request.document)).request_id
    const setup = c.setupOf({ protocol: 'dkg', signers: [1, 2, 3] })
    const frame = OPEN_KEYGEN.encode({ setup, requestId, request: c.framed(request) })
    // The last round never arrives: all three hold a pending key.
    const links = [...set.links.values()].map(
      (link): SignerLink => ({
        ...link,
        send: (route, bytes, ms) =>
          route === 'round' && pending(link.id) !== undefined
            ? Promise.reject(new Error('dropped'))
            : link.send(route, bytes, ms),
      }),
    )
    const pending = (id: number) =>
      set.signerOf(id).store.keyByRequest({ credentialId: 'cred_alice', tenant: 'alice', requestId })
    await relay(
      links,
      { route: 'openKeygen', frame },
      sessionIdOf({ ...setup, purpose: ownedRequestHash(requestHash(request.document), 'cred_alice') }),
      5000,
    )
    const held = [1, 2, 3].map((id) => pending(id))
    expect(held.map((key) => key?.state)).toEqual(['pending', 'pending', 'pending'])
    const own = held.map((key) => key?.ownSignature as Uint8Array)
    const target = held[0]?.keyId as Uint8Array
    const other = set.store.getKey(keyId)?.certificate as Uint8Array
    const real = CERTIFICATE.decode(other)
    const packages = c.packageOf(keyId)
    const forgeries = [
      other,
      CERTIFICATE.encode({ key: packages, signatures: own }),
      CERTIFICATE.encode({ ...real, key: { ...real.key, keyId: target } }),
      fresh(300),
    ]
    for (const certificate of forgeries)
      await c.send(1, 'certificate', CERTIFICATE_REQUEST.encode({ keyId: target, certificate }))
    expect(pending(1)?.state).toBe('pending')
    // Nor does it sign: pending keys are as good as none.
    const payload = { kind: 'message' as const, message: fresh(4) }
    const good = itemOf(newId())
    const asked = set.request('cred_alice', set.sign('eddsa-ed25519', target, payload), newId())
    const id = JSON.parse(new TextDecoder().decode(asked.document)).request_id
    const item = {
      instance: good.instance.map((b, i) => (i < 32 ? (target[i] as number) : b)),
      requestId: id,
      request: c.framed(asked),
    }
    expect(await c.outcomes(c.setupOf({}), [item], { meant: [good] })).toEqual(['key_not_found'])
  })
})
