import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ApiProblem } from '../../src/host/api/problem.ts'
import { toProblem } from '../../src/host/api/to-problem.ts'
import type { Database } from '../../src/host/store/database.ts'
import type { TestSet } from '../host/set/in-process-set.ts'
import { askFor, expectSigned, expectWorks, makeKeys, type Scheme, someMessage, type TestKey } from '../host/set/signing-keys.ts'
import { until } from '../host/set/until.ts'
import { freezing, keygen, signing, surviveFaults } from './crash-scenarios.ts'
import { COORDINATOR, type CrashSet, crashSet } from './crash-set.ts'
import { RESULTS } from './process-death.ts'

let c: CrashSet
let set: TestSet
let keys: Readonly<Record<Scheme, TestKey>>
beforeAll(async () => {
  c = await crashSet()
  set = c.set
  keys = await makeKeys(set)
})
afterAll(() => c.close())

/** From now on this store's disk has no page left: SQLite never takes less than the file has. */
const fill = (database: Database): void => {
  database.statement('PRAGMA max_page_count = 1').all()
}
const makeRoom = (database: Database): void => {
  database.statement('PRAGMA max_page_count = 1000000').all()
}
/** Free space within the pages goes first: writes of the kind that shall fail, until several in a row do. */
function useUp(write: () => unknown): void {
  for (let failed = 0; failed < 40; ) {
    try {
      write()
      failed = 0
    } catch (error) {
      expect((error as { code?: unknown }).code).toBe('FULL')
      failed += 1
    }
  }
}
const endOf = async (call: Promise<unknown>): Promise<ApiProblem | undefined> =>
  await call.then(
    () => undefined,
    (error: unknown) => toProblem(error),
  )
const allUp = () => until('all up', () => set.monitor.up().length === 3)

describe('S-01 a full disk', () => {
  it('at a signer: nothing leaves without its claim, the set says who is missing, and all goes on when there is room', async () => {
    const { store } = set.signerOf(1)
    let claims = 0
    // Shorter than any real one, so that no room is left for that either.
    const claim = () =>
      store.claim([
        {
          credentialId: 'cred_alice',
          tenant: 'alice',
          requestId: `${claims++}`,
          requestHash: someMessage(32),
          expiresAt: Date.now() + 60_000,
          firstSentAt: Date.now(),
        },
      ])
    fill(store.database)
    useUp(claim)
    const message = someMessage()
    const request = askFor(set, keys['ecdsa-secp256k1'], message)
    const problem = await endOf(set.service.sign(request, set.client, 8000))
    expect(problem?.code).toBe('quorum_unavailable')
    expect(problem?.missing).toEqual(['signer-1'])
    // Any two sign these, and the set finds the two that can.
    await expectWorks(set, keys['eddsa-ed25519'])
    makeRoom(store.database)
    await allUp()
    expectSigned(keys['ecdsa-secp256k1'], message, await set.service.sign(request, set.client, 8000))
  })

  it('at a signer: a key whose share cannot be stored is nobody’s, and the next one is made when there is room', async () => {
    const { store } = set.signerOf(2)
    fill(store.database)
    const request = set.request('cred_alice', set.keygen('eddsa-ed25519'))
    const created = () => set.service.createKey(request, set.client)
    // A share takes about a kilobyte, so the pages there are soon full.
    let full = 0
    for (let i = 0; i < 40 && full === 0; i++) {
      const more = set.request('cred_alice', set.keygen('eddsa-ed25519'))
      if ((await endOf(set.service.createKey(more, set.client))) !== undefined) full += 1
      await allUp()
    }
    expect(full).toBe(1)
    const problem = await endOf(created())
    expect(['quorum_unavailable', 'protocol_abort']).toContain(problem?.code)
    makeRoom(store.database)
    await allUp()
    const end = await endOf(created())
    expect(end?.code).toBe('protocol_abort')
    expect((await endOf(created()))?.code).toBe('protocol_abort')
    const requestId = JSON.parse(new TextDecoder().decode(request.document)).request_id
    const rows = [1, 2, 3].map((id) =>
      set.signerOf(id).store.keyByRequest({ credentialId: 'cred_alice', tenant: 'alice', requestId }),
    )
    expect(rows.filter((row) => row?.state === 'active')).toEqual([])
    const view = await set.service.createKey(set.request('cred_alice', set.keygen('eddsa-ed25519')), set.client)
    expect(view.state).toBe('active')
  })

  it('at the coordinator: 503 and no signature that is not stored; the same bytes are signed when there is room', async () => {
    const { store } = set
    const expiresAt = Date.now() + 60_000
    fill(store.database)
    useUp(() => {
      const requestId = `req_${crypto.randomUUID()}`
      const row = { credentialId: 'cred_alice', requestId, response: new Uint8Array(8), createdAt: Date.now(), expiresAt }
      store.putSignatures([{ ...row, id: `sig_${requestId}`, requestHash: someMessage(32) }])
    })
    const message = someMessage()
    const request = askFor(set, keys['eddsa-ed25519'], message)
    const problem = await endOf(set.service.sign(request, set.client, 8000))
    expect(problem).toBeInstanceOf(ApiProblem)
    expect([problem?.code, problem?.status, problem?.outcome]).toEqual(['overloaded', 503, 'unknown'])
    makeRoom(store.database)
    const first = await set.service.sign(request, set.client, 8000)
    expectSigned(keys['eddsa-ed25519'], message, first)
    expect((await set.service.sign(request, set.client, 8000)).signature).toEqual(first.signature)
  })
})

/** One signer stands for all: what they write is the same. */
const FILES = ['signer-1.db', COORDINATOR]
const SCHEME = 'eddsa-ed25519'

// Whether what could not be synced is there after the restart nobody knows: before the commit, and after it. Nobody was told either way.
describe.each([
  ['whose sync fails', RESULTS.failedSync, 2],
  ['for which there is no room', RESULTS.full, 1],
] as const)('S-01 a write %s', (_, result, moments) => {
  it('of a signing session: nothing leaves that is not stored, and the request has one outcome', async () => {
    expect(await surviveFaults(c, signing(c, keys[SCHEME]), FILES, keys[SCHEME], result)).toBeGreaterThanOrEqual(2 * moments)
  })

  it('K-12 of a key generation: the key is everybody’s or nobody’s', async () => {
    expect(await surviveFaults(c, keygen(c, SCHEME), FILES, keys[SCHEME], result)).toBeGreaterThanOrEqual(5 * moments)
  })

  it('of a freeze: nobody is told of it who has not the receipts of all, and the same bytes bring them', async () => {
    expect(await surviveFaults(c, freezing(c, keys[SCHEME]), FILES, keys[SCHEME], result)).toBeGreaterThanOrEqual(2 * moments)
  })
})
