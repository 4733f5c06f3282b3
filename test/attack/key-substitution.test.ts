import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { KeyView } from '../../src/host/api/coordinator-service.ts'
import { createKeyDirectory } from '../../src/host/gateway/key-directory.ts'
import { createRequestBook } from '../../src/host/gateway/request-book.ts'
import { type GatewayStore, openGatewayStore } from '../../src/host/store/gateway-store.ts'
import { groupCommit } from '../../src/host/store/group-commit.ts'
import { OPEN_KEYGEN, REPLY, ROUND, ROUTES } from '../../src/protocol/frames/signer-frames.ts'
import { parseDocument } from '../../src/protocol/request/document.ts'
import { parseKeyId } from '../../src/protocol/request/ids.ts'
import { inProcessSet } from '../host/set/in-process-set.ts'
import { fresh, type TestSet } from './malicious-coordinator.ts'

// A certified key is one that all signers stand for. It has to say for whom, or the coordinator and one holder of any credential
// give a user a key that the signers keep for somebody else: every deposit to its address would be theirs.
describe('a key is its requester’s', () => {
  let set: TestSet
  let dir: string
  let store: GatewayStore
  const ALICE = { id: '["jwt","acme","alice"]', name: 'alice', tenant: 'acme', scopes: new Set(['keys:write']) }

  beforeAll(async () => {
    set = await inProcessSet()
    dir = mkdtempSync(join(tmpdir(), 'quorate-attack-'))
    store = openGatewayStore(join(dir, 'gateway.sqlite'))
  })
  afterAll(() => {
    store.database.close()
    set.close()
    rmSync(dir, { recursive: true, force: true })
  })

  /** The gateway of `cred_alice`, as far as keys go. */
  const gateway = () => {
    const book = createRequestBook({
      store,
      commits: groupCommit(store.database),
      signer: { id: 'cred_alice', sign: (message) => set.signature('cred_alice', message) },
      audience: set.audience,
      lifeMs: 60_000,
      now: Date.now,
      randomBytes: fresh,
    })
    return { book, keys: createKeyDirectory({ store, roster: set.roster, curves: set.curves, now: Date.now }) }
  }
  const certificateOf = (key: KeyView) => new Uint8Array(Buffer.from(key.certificate, 'base64url'))

  it('K-14 the same document authorised by somebody else makes a key that the first one’s gateway refuses', async () => {
    const { book, keys } = gateway()
    const booked = await book.book(ALICE, undefined, { type: 'keygen.v1', scheme: 'eddsa-ed25519', threshold: 2, parties: 3 })
    // The relay drops alice's authorization and has bob, who is in it with the relay, sign the very same bytes.
    const stolen = await set.service.createKey(set.authorized('cred_bob', booked.row.document), set.client)
    expect(() => keys.adopt(ALICE.tenant, booked, certificateOf(stolen))).toThrow('protocol_abort')

    const own = await set.service.createKey(set.authorized('cred_alice', booked.row.document), set.client)
    expect(own.id).not.toBe(stolen.id)
    expect(keys.adopt(ALICE.tenant, booked, certificateOf(own)).view.id).toBe(own.id)
  })
})
