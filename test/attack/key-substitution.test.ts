import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { KeyView } from '../../src/host/api/coordinator-service.ts'
import { createKeyDirectory } from '../../src/host/gateway/key-directory.ts'
import { createRequestBook } from '../../src/host/gateway/request-book.ts'
import { type GatewayStore, openGatewayStore } from '../../src/host/store/gateway-store.ts'
import { groupCommit } from '../../src/host/store/group-commit.ts'
import { sessionId as sessionIdOf } from '../../src/protocol/channel/setup.ts'
import { CERTIFICATE_REPLY, OPEN_KEYGEN, REPLY, REPLY_TYPES } from '../../src/protocol/frames/signer-frames.ts'
import { ownedRequestHash, requestHash } from '../../src/protocol/request/authorize.ts'
import { parseKeyId } from '../../src/protocol/request/ids.ts'
import { inProcessSet, type TestSet } from '../host/set/in-process-set.ts'
import { fresh, maliciousCoordinator } from './malicious-coordinator.ts'

// A certified key is one that all signers stand for. It has to say for whom, or the coordinator and the holder of any credential
// give a user a key that the signers keep for somebody else: every deposit to its address would be theirs.
describe('K-14 a key is its requester’s', () => {
  let set: TestSet
  let dir: string
  let store: GatewayStore
  const alice = { id: '["jwt","acme","alice"]', name: 'alice', tenant: 'acme', tenantId: 'acme', scopes: new Set(['keys:write']) }
  const onlyBob = { name: 'bob', credentials: ['cred_bob'] }

  beforeAll(async () => {
    set = await inProcessSet()
    dir = mkdtempSync(join(tmpdir(), 'quorate-attack-'))
    store = openGatewayStore(join(dir, 'gateway.sqlite'))
  })
  afterEach(() => {
    set.hooks.tamper = (_to, _route, frame, deliver) => deliver(frame)
  })
  afterAll(() => {
    store.database.close()
    set.close()
    rmSync(dir, { recursive: true, force: true })
  })

  /** The parts of a gateway with the credential `cred_alice` that make and take keys. */
  const gateway = () => ({
    keys: createKeyDirectory({ store, roster: set.roster, curves: set.curves, now: Date.now }),
    book: createRequestBook({
      store,
      commits: groupCommit(store.database),
      signer: { id: 'cred_alice', sign: (message) => set.signature('cred_alice', message) },
      audience: set.audience,
      lifeMs: 60_000,
      now: Date.now,
      randomBytes: fresh,
    }),
  })
  const certificateOf = (key: KeyView) => new Uint8Array(Buffer.from(key.certificate, 'base64url'))
  const keygen = () => set.keygen('eddsa-ed25519')

  it('the same bytes authorised by somebody else make a key that the first one’s gateway refuses', async () => {
    const { book, keys } = gateway()
    const booked = await book.book(alice, undefined, { type: 'keygen.v1', scheme: 'eddsa-ed25519', threshold: 2, parties: 3 })
    const { document } = booked.row
    // The coordinator drops alice's authorization and has bob, who is in it with the coordinator, sign her very bytes.
    const stolen = await set.service.createKey(set.authorized('cred_bob', document), onlyBob)
    expect(() => keys.adopt(alice.tenantId, booked, certificateOf(stolen))).toThrow('protocol_abort')
    expect(() => keys.get(alice.tenantId, stolen.id)).toThrow('key_not_found')

    const own = await set.service.createKey(set.authorized('cred_alice', document), set.client)
    expect(own.id).not.toBe(stolen.id)
    expect(keys.adopt(alice.tenantId, booked, certificateOf(own)).view.id).toBe(own.id)
  })

  it('signers that are shown different owners of one request finish no key and name nobody', async () => {
    const c = maliciousCoordinator(set)
    const ofAlice = set.request('cred_alice', keygen())
    const ofBob = set.authorized('cred_bob', ofAlice.document)
    const setup = c.setupOf({ protocol: 'dkg', signers: [1, 2, 3] })
    const requestId = JSON.parse(new TextDecoder().decode(ofAlice.document)).request_id
    const frame = (request: typeof ofAlice) => OPEN_KEYGEN.encode({ setup, requestId, request: c.framed(request) })
    const first = [
      await c.ask(1, 'openKeygen', frame(ofAlice)),
      await c.ask(2, 'openKeygen', frame(ofBob)),
      await c.ask(3, 'openKeygen', frame(ofBob)),
    ]
    expect(first.map((r) => r.type)).toEqual([REPLY_TYPES.sent, REPLY_TYPES.sent, REPLY_TYPES.sent])
    const sessions = ['cred_alice', 'cred_bob', 'cred_bob'].map((who) =>
      sessionIdOf({ ...setup, purpose: ownedRequestHash(requestHash(ofAlice.document), who) }),
    )
    const mail = first.flatMap((r) => r.envelopes)
    const second = await Promise.all(
      [1, 2, 3].map((id) => c.ask(id, 'round', c.roundFrame(sessions[id - 1] as Uint8Array, 1, mail))),
    )
    // Each still waits for envelopes of its own session.
    expect(second.map((r) => [r.type, r.envelopes.length, r.culprits.length])).toEqual(
      [1, 2, 3].map(() => [REPLY_TYPES.sent, 0, 0]),
    )
  })

  it('two clients with the same document at once get a key each, and neither sees the other’s', async () => {
    const { document } = set.request('cred_alice', keygen())
    const onlyAlice = { name: 'alice', credentials: ['cred_alice'] }
    const [a, b] = await Promise.all([
      set.service.createKey(set.authorized('cred_alice', document), onlyAlice),
      set.service.createKey(set.authorized('cred_bob', document), onlyBob),
    ])
    expect([a.owner, b.owner]).toEqual(['cred_alice', 'cred_bob'])
    expect(a.id).not.toBe(b.id)
  })

  it('whoever knows the bytes of a request does not get its signature under another credential', async () => {
    const key = await set.service.createKey(set.request('cred_alice', keygen()), set.client)
    const payload = { kind: 'message' as const, message: fresh(8) }
    const request = set.request('cred_alice', set.sign('eddsa-ed25519', parseKeyId(key.id) as Uint8Array, payload))
    const signed = await set.service.sign(request, set.client, 5000)
    expect(signed.state).toBe('signed')
    await expect(set.service.sign(set.authorized('cred_bob', request.document), onlyBob, 5000)).rejects.toThrow('key_not_found')
    await expect(set.service.getSignature(signed.id, onlyBob, 0)).rejects.toThrow('not_found')
  })

  it('one signer’s word neither hands out another client’s key nor changes whose a key is', async () => {
    const victim = await set.service.createKey(set.request('cred_alice', keygen()), set.client)
    const keyId = parseKeyId(victim.id) as Uint8Array
    // "Your request has a key already, this one."
    set.hooks.tamper = async (to, route, frame, deliver) => {
      const reply = await deliver(frame)
      if (to !== 3 || route !== 'openKeygen') return reply
      return REPLY.encode({ ...REPLY.decode(reply), type: REPLY_TYPES.refused, code: 'KEY_EXISTS', envelopes: [], result: keyId })
    }
    await expect(set.service.createKey(set.request('cred_bob', keygen()), onlyBob)).rejects.toThrow('protocol_abort')

    // A directory that is lost and rebuilt from the liar shows no key to somebody who did not ask for it.
    set.hooks.tamper = async (_to, route, frame, deliver) => {
      const reply = await deliver(frame)
      if (route !== 'certificate') return reply
      return CERTIFICATE_REPLY.encode({ ...CERTIFICATE_REPLY.decode(reply), credentialId: 'cred_bob', label: 'main' })
    }
    const before = set.service.listKeys({ limit: 200 }, onlyBob).keys.map((k) => k.id)
    set.forgetKeys()
    await set.delivery.rebuild(set.links.get(1) as NonNullable<ReturnType<typeof set.links.get>>)
    const after = set.service.listKeys({ limit: 200 }, onlyBob).keys.map((k) => k.id)
    expect(after.filter((id) => !before.includes(id))).toEqual([])
  })
})
