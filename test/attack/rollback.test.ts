import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { toHex } from '../../src/protocol/engine/bytes.ts'
import { REPLY_TYPES, type Reply } from '../../src/protocol/frames/signer-frames.ts'
import { parseKeyId } from '../../src/protocol/request/ids.ts'
import { inProcessSet, type TestSet } from '../host/set/in-process-set.ts'
import { sharedDirectory } from '../host/temporary.ts'
import { fresh, maliciousCoordinator } from './malicious-coordinator.ts'

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
