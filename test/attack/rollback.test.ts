import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SignedRequest } from '../../src/host/api/coordinator-service.ts'
import { toHex } from '../../src/protocol/engine/bytes.ts'
import { REPLY_TYPES, type Reply } from '../../src/protocol/frames/signer-frames.ts'
import { parseKeyId } from '../../src/protocol/request/ids.ts'
import { diskOf, putDisk } from '../crash/process-death.ts'
import { inProcessSet, type TestSet } from '../host/set/in-process-set.ts'
import { askFor, expectSigned, makeKey, problemOf, someMessage, type TestKey } from '../host/set/signing-keys.ts'
import { until } from '../host/set/until.ts'
import { sharedDirectory } from '../host/temporary.ts'
import { fresh, maliciousCoordinator } from './malicious-coordinator.ts'

const SCHEME = 'eddsa-ed25519'
type Disk = ReturnType<typeof diskOf>
const requestIdOf = ({ document }: SignedRequest): string => JSON.parse(new TextDecoder().decode(document)).request_id

/** What is in a store can come back; nothing that must be used once may therefore be in one. */
describe('S-02 the store of a signer restored from before', () => {
  let set: TestSet
  let c: ReturnType<typeof maliciousCoordinator>
  const keys = new Map<string, Uint8Array>()
  const copy = join(sharedDirectory(), 'signer-1.db')

  const itemOf = (scheme: 'eddsa-ed25519' | 'ecdsa-secp256k1', requestId: string) => {
    const payload = {
      kind: 'message' as const,
      message: fresh(16),
      ...(scheme === 'ecdsa-secp256k1' && { hash: 'sha256' as const }),
    }
    return c.itemOf(set.request('cred_alice', set.sign(scheme, keys.get(scheme) as Uint8Array, payload), requestId))
  }
  const save = (file: string): void => copyFileSync(file, copy)
  const restore = (file: string): void => {
    for (const end of ['-wal', '-shm']) rmSync(`${file}${end}`, { force: true })
    copyFileSync(copy, file)
  }
  const pointsIn = (reply: Reply): string => toHex(reply.envelopes[0] ?? new Uint8Array(0))

  beforeAll(async () => {
    set = await inProcessSet()
    c = maliciousCoordinator(set)
    for (const scheme of ['eddsa-ed25519', 'ecdsa-secp256k1'] as const) {
      const key = await set.service.createKey(set.request('cred_alice', set.keygen(scheme)), set.client)
      keys.set(scheme, parseKeyId(key.id) as Uint8Array)
    }
    set.restart(1, save)
  })
  afterAll(() => set.close())

  it('FROST: a session from before is gone, the same set-up again gets other nonces, and the two do not go together', async () => {
    const item = itemOf('eddsa-ed25519', 'req_rolled-back')
    const setup = c.setupOf({})
    const before = await c.run(setup, [item])
    expect(before.second.map((r) => r.type)).toEqual([REPLY_TYPES.done, REPLY_TYPES.done])
    set.restart(1, restore)
    expect((await c.ask(1, 'round', before.relayed)).type).not.toBe(REPLY_TYPES.done)
    // The old set-up names the old start; with the new start it is another session, which signer 2 has never seen either.
    expect((await c.ask(1, 'openSigning', c.openFrame(setup, [item]))).code).toBe('SETUP_STALE')
    const again = { ...setup, boots: c.setupOf({}).boots }
    const after = await c.run(again, [item])
    expect(after.second.map((r) => r.type)).toEqual([REPLY_TYPES.done, REPLY_TYPES.done])
    expect(pointsIn(after.first[0] as Reply)).not.toBe(pointsIn(before.first[0] as Reply))
    const mixed = { ...after, first: [before.first[0] as Reply, after.first[1] as Reply] }
    const end = c.combine(again, [item], mixed)
    expect(end.code !== '' || end.outcomes.every((o) => o.type !== 0)).toBe(true)
  })

  it('hm: tickets and keys of the nonces from before are unknown, and no answer comes twice', async () => {
    const item = itemOf('ecdsa-secp256k1', 'req_rolled-back-hm')
    const setup = c.setupOf({ protocol: 'hm', suite: 'ecdsa-secp256k1', signers: [1, 2, 3] })
    const [hm, unused] = [await c.supplies(), await c.supplies()]
    const before = await c.run(setup, [item], hm)
    expect(before.second.map((r) => r.type)).toEqual([REPLY_TYPES.done, REPLY_TYPES.done, REPLY_TYPES.done])
    set.restart(1, restore)
    expect((await c.ask(1, 'round', before.relayed)).type).not.toBe(REPLY_TYPES.done)
    const again = { ...setup, boots: c.setupOf({ signers: [1, 2, 3] }).boots }
    for (const old of [hm, unused])
      expect((await c.ask(1, 'openSigning', c.openFrame(again, [item], old))).code).toMatch(/^HM_(KID|TICKET)$/)
    const renewed = await c.supplies()
    expect(toHex(renewed.digest)).not.toBe(toHex(hm.digest))
    expect(await c.outcomes({ ...again, coordinatorNonce: fresh(32) }, [item], { hm: renewed })).toEqual(['signed'])
  })

  it('the ledger goes back with it, and the others’ does not: a second document under one id finds no quorum with a witness of the first', async () => {
    const first = itemOf('eddsa-ed25519', 'req_two-documents')
    expect(await c.outcomes(c.setupOf({}), [first])).toEqual(['signed'])
    set.restart(1, restore)
    const second = itemOf('eddsa-ed25519', 'req_two-documents')
    expect(await c.outcomes(c.setupOf({}), [second])).toEqual(['request_replayed'])
  })
})

describe('S-02 an old copy of the store of a coordinator', () => {
  let set: TestSet
  let old: TestKey
  beforeAll(async () => {
    set = await inProcessSet()
    old = await makeKey(set, SCHEME)
  })
  afterAll(() => set.close())

  it('has its keys back from the signers; what it signed since is signed for the same bytes only; what was frozen since stays frozen', async () => {
    let disk: Disk = []
    await set.restartCoordinator((file) => {
      disk = diskOf(file)
    })
    const create = set.request('cred_alice', set.keygen(SCHEME))
    const made = await set.service.createKey(create, set.client)
    const message = someMessage()
    const request = askFor(set, old, message, 'req_forgotten')
    const first = await set.service.sign(request, set.client, 8000)
    expectSigned(old, message, first)
    const frozen = await makeKey(set, 'schnorr-secp256k1')
    const change = (state: 'frozen' | 'active', revision: number, of = frozen): SignedRequest =>
      set.request('cred_alice', {
        type: 'key-update.v1',
        scheme: of.scheme,
        keyId: of.keyId,
        revision,
        state,
        label: null,
      } as never)
    const freeze = change('frozen', 1)
    await set.service.updateKey(frozen.id, 'freeze', freeze, set.client)
    const freezeOld = change('frozen', 1, old)
    await set.service.updateKey(old.id, 'freeze', freezeOld, set.client)

    await set.restartCoordinator((file) => putDisk(file, [disk[0], disk[1]]))
    expect(set.service.listKeys({ limit: 9 }, set.client).keys.map(({ id }) => id)).toEqual([old.id])
    await until('the keys are back', () => set.service.listKeys({ limit: 9 }, set.client).keys.length === 3)
    expect(set.service.getKey(made.id, set.client)).toMatchObject({
      publicKey: made.publicKey,
      state: 'active',
      owner: 'cred_alice',
    })
    expect((await set.service.createKey(create, set.client)).publicKey).toBe(made.publicKey)

    // Frozen: also where the copy is from before, and says otherwise. A key that it had forgotten comes with its state.
    expect(set.service.getKey(frozen.id, set.client)).toMatchObject({ state: 'frozen', revision: 1 })
    expect(set.service.getKey(old.id, set.client)).toMatchObject({ state: 'active', revision: 0 })
    for (const key of [frozen, old]) {
      const refused = await problemOf(set.service.sign(askFor(set, key, someMessage()), set.client, 8000))
      expect([refused.code, refused.outcome]).toEqual(['key_frozen', 'none'])
    }
    const thaw = await problemOf(set.service.updateKey(old.id, 'unfreeze', change('active', 1, old), set.client))
    expect([thaw.code, thaw.outcome]).toEqual(['revision_conflict', 'none'])
    const again = await set.service.updateKey(old.id, 'freeze', freezeOld, set.client)
    expect(again).toMatchObject({ state: 'frozen', revision: 1, settled: true })
    await set.service.updateKey(old.id, 'unfreeze', change('active', 2, old), set.client)

    expect((await problemOf(set.service.getSignature(first.id, set.client, 0))).code).toBe('not_found')
    const other = await problemOf(set.service.sign(askFor(set, old, someMessage(), 'req_forgotten'), set.client, 8000))
    expect([other.code, other.outcome]).toEqual(['request_replayed', 'none'])
    const second = await set.service.sign(request, set.client, 8000)
    expectSigned(old, message, second)
    expect(second.id).toBe(first.id)
    expect((await set.service.sign(request, set.client, 8000)).signature).toEqual(second.signature)
  })

  it('that is from between a key’s last round and its delivery brings the key to its end', async () => {
    let disk: Disk = []
    set.hooks.tamper = async (to, route, frame, deliver) => {
      if (to === 3 && (route === 'certificate' || route === 'round')) {
        disk = diskOf(join(set.dir, 'coordinator.db'))
        if (route === 'certificate') throw new Error('lost')
      }
      return await deliver(frame)
    }
    const create = set.request('cred_alice', set.keygen(SCHEME))
    const made = await set.service.createKey(create, set.client)
    set.hooks.tamper = (_to, _route, frame, deliver) => deliver(frame)
    await set.restartCoordinator((file) => putDisk(file, [disk[0], disk[1]]))
    await until('the key is back', () => set.store.keyByRequest('cred_alice', requestIdOf(create))?.state === 'active')
    expect((await set.service.createKey(create, set.client)).publicKey).toBe(made.publicKey)
  })
})
