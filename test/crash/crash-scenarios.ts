import { expect } from 'vitest'
import type { KeyView, SignatureView, SignedRequest } from '../../src/host/api/coordinator-service.ts'
import { fromHex } from '../../src/protocol/engine/bytes.ts'
import type { KeyUpdateDocument } from '../../src/protocol/request/document.ts'
import { formatKeyId, parseKeyId } from '../../src/protocol/request/ids.ts'
import { askFor, expectSigned, expectWorks, type Scheme, someMessage, type TestKey } from '../host/set/signing-keys.ts'
import { sleep, until } from '../host/set/until.ts'
import type { CrashSet, Ending } from './crash-set.ts'
import { type CrashPoint, countWrites, RESULTS } from './process-death.ts'

/** One run of something that writes: made anew for each crash point, then looked at from all sides. */
interface Run<T> {
  readonly calls: () => readonly Promise<T>[]
  readonly check: (endings: readonly Ending<T>[]) => Promise<void>
}
export type Scenario = () => Run<unknown>

const requestIdOf = ({ document }: SignedRequest): string => JSON.parse(new TextDecoder().decode(document)).request_id
const asTestKey = (scheme: Scheme, view: KeyView): TestKey => ({
  scheme,
  id: view.id,
  keyId: parseKeyId(view.id) as Uint8Array,
  publicKey: fromHex(view.publicKey.slice(2)),
})

/** A key that is anywhere is everywhere, the same for ever; or it is nowhere, for ever, and nobody can sign with a part of it. */
async function expectWhole(c: CrashSet, scheme: Scheme, request: SignedRequest, first: Ending<KeyView>): Promise<void> {
  const { set } = c
  const create = () => set.service.createKey(request, set.client)
  const end = await c.settled(create)
  expect(await c.settled(create)).toEqual(end)
  const requestId = requestIdOf(request)
  const rows = [1, 2, 3].map((id) =>
    set.signerOf(id).store.keyByRequest({ credentialId: 'cred_alice', tenant: 'alice', requestId }),
  )
  const directory = set.store.keyByRequest('cred_alice', requestId)
  if ('value' in end) {
    const key = asTestKey(scheme, end.value)
    expect(rows.map((r) => r?.state)).toEqual(['active', 'active', 'active'])
    for (const row of rows) {
      expect(row?.keyId).toEqual(key.keyId)
      expect(row?.publicPackage).toEqual(rows[0]?.publicPackage)
    }
    expect(directory?.state).toBe('active')
    if ('value' in first) expect(first.value).toEqual(end.value)
    await expectWorks(set, key)
    return
  }
  expect(end.code).toBe('protocol_abort')
  expect(first).not.toHaveProperty('value')
  expect(rows.filter((r) => r?.state === 'active')).toEqual([])
  // It can never become one: somebody does not even have a share.
  expect(rows).toContain(undefined)
  expect(directory).toBeUndefined()
  for (const row of rows) {
    if (row === undefined) continue
    const half = { scheme, id: formatKeyId(row.keyId), keyId: row.keyId, publicKey: new Uint8Array(33) }
    const asked = await c.ended(set.service.sign(askFor(set, half, someMessage()), set.client, 5000))
    expect(asked).toEqual({ code: 'key_not_found' })
  }
}

export const keygen =
  (c: CrashSet, scheme: Scheme): Scenario =>
  () => {
    const request = c.set.request('cred_alice', c.set.keygen(scheme))
    return {
      calls: () => [c.set.service.createKey(request, c.set.client)],
      check: async ([first]) => await expectWhole(c, scheme, request, first as Ending<KeyView>),
    }
  }

/** Signer 3 hears nothing of the last round, so the key reaches it later, by heartbeats. */
export const lateDelivery =
  (c: CrashSet, scheme: Scheme): Scenario =>
  () => {
    const { set } = c
    const request = set.request('cred_alice', set.keygen(scheme))
    const requestId = requestIdOf(request)
    const stateAt = (id: number) =>
      set.signerOf(id).store.keyByRequest({ credentialId: 'cred_alice', tenant: 'alice', requestId })?.state
    const late = async (): Promise<void> => {
      let deaf = true
      c.meddle(async (to, route, frame, deliver) => {
        if (to === 3 && deaf && stateAt(3) === 'pending' && (route === 'round' || route === 'certificate'))
          throw new Error('lost')
        return await deliver(frame)
      })
      try {
        await c.ended(set.service.createKey(request, set.client))
      } finally {
        deaf = false
        c.meddle()
      }
      // No client asks; heartbeats alone bring it. After a crash not always at once, see RETRY_MS in key-delivery.ts.
      for (let i = 0; i < 100 && set.store.keyByRequest('cred_alice', requestId)?.state !== 'active'; i++) await sleep(10)
    }
    return {
      calls: () => [late().catch(() => undefined)],
      check: async () => await expectWhole(c, scheme, request, { code: 'not asked' }),
    }
  }

const AT_ONCE = 3

/** Several requests in one exchange. */
export const signing =
  (c: CrashSet, key: TestKey): Scenario =>
  () => {
    const { set, record } = c
    const asked = Array.from({ length: AT_ONCE }, () => {
      const message = someMessage()
      const request = askFor(set, key, message)
      return { message, request, requestId: requestIdOf(request), call: () => set.service.sign(request, set.client, 8000) }
    })
    return {
      calls: () => asked.map(({ call }) => call()),
      check: async (endings) => {
        for (const [i, { message, call, requestId }] of asked.entries()) {
          const first = endings[i] as Ending<SignatureView>
          for (const ending of [first, await c.settled(call), await c.settled(call)]) {
            if (!('value' in ending)) {
              expect(ending).toBe(first)
              continue
            }
            expectSigned(key, message, ending.value)
            record.signed(requestId, ending.value.signature?.compact as Uint8Array)
          }
          const other = askFor(set, key, someMessage(), requestId)
          expect(await c.ended(set.service.sign(other, set.client, 8000))).toEqual({ code: 'request_replayed' })
        }
      },
    }
  }

/** The coordinator's directory is lost and comes back from the signers. */
export const rebuild =
  (c: CrashSet, keys: readonly TestKey[]): Scenario =>
  () => {
    const { set } = c
    const restored = async (): Promise<void> => {
      set.forgetKeys()
      await c.restartCoordinator()
      await until('the keys are back', () => keys.every(({ keyId }) => set.store.getKey(keyId)?.state === 'active'))
    }
    return {
      calls: () => [restored().catch(() => undefined)],
      check: async () => {
        await until('the keys are back', () => keys.every(({ keyId }) => set.store.getKey(keyId)?.state === 'active'))
        for (const key of keys) await expectWorks(set, key)
      },
    }
  }

/** A signer is started again: its store is closed and opened, and the start is counted. */
export const restart =
  (c: CrashSet, id: number): Scenario =>
  () => {
    const { set } = c
    const starts = (): number =>
      set
        .signerOf(id)
        .store.database.statement<{ readonly value: number }>(`SELECT value FROM counters WHERE name = 'boot'`)
        .get()?.value ?? 0
    const before = starts()
    return {
      calls: () => [
        Promise.resolve()
          .then(() => set.restart(id))
          .catch(() => undefined),
      ],
      // A number that a peer has seen comes to no other start.
      check: async () => expect(starts()).toBeGreaterThan(before),
    }
  }

const LATER_MS = 3 * 24 * 60 * 60 * 1000

/** Old requests are forgotten: by a ledger together with the floor that keeps them used, or not at all. */
export const housekeeping =
  (c: CrashSet, key: TestKey): Scenario =>
  () => {
    const { set } = c
    const rows = [1, 2, 3].map((id) => {
      const requestId = `req_old_${id}_${crypto.randomUUID()}`
      const row = { credentialId: 'cred_alice', tenant: 'alice', requestId, requestHash: new Uint8Array(32).fill(id) }
      const claimed = { ...row, expiresAt: Date.now() - LATER_MS, firstSentAt: 0 }
      set.signerOf(id).store.claim([claimed])
      return claimed
    })
    const pruned = async (): Promise<void> => {
      for (const id of [1, 2, 3]) set.signerOf(id).store.prune(Date.now())
      const old = { credentialId: 'cred_alice', response: new Uint8Array(8), createdAt: 0, expiresAt: Date.now() - LATER_MS }
      const name = crypto.randomUUID()
      set.store.putSignatures([{ ...old, id: `sig_${name}`, requestId: name, requestHash: someMessage(32) }])
      set.store.prune(Date.now())
    }
    return {
      calls: () => [pruned().catch(() => undefined)],
      check: async () => {
        for (const [i, row] of rows.entries()) {
          const { store } = set.signerOf(i + 1)
          const [known] = store.lookup([row])
          expect(store.claim([{ ...row, firstSentAt: 1 }])).toEqual([known == null ? 'forgotten' : 'same'])
        }
        await expectWorks(set, key)
      },
    }
  }

/** Runs after which every signer has been asked: FROST needs two of three and takes turns. */
const TURNS = 4

/** A key is frozen: by all or by nobody, and whoever is told that it is has the receipts of all. Afterwards it is thawed. */
export const freezing =
  (c: CrashSet, key: TestKey): Scenario =>
  () => {
    const { set } = c
    const rows = () => set.signers.map(({ store }) => store.getKey(key.keyId))
    const change = (action: 'freeze' | 'unfreeze') => {
      const revision = 1 + Math.max(...rows().map((row) => row?.revision ?? 0))
      const state = action === 'freeze' ? 'frozen' : 'active'
      const document = { type: 'key-update.v1', scheme: key.scheme, keyId: key.keyId, revision, state, label: null } as const
      const request = set.request('cred_alice', document satisfies Partial<KeyUpdateDocument>)
      return () => set.service.updateKey(key.id, action, request, set.client)
    }
    const freeze = change('freeze')
    return {
      calls: () => [freeze()],
      check: async ([first]) => {
        if (first !== undefined && 'value' in first) expect(rows().map((row) => row?.usage)).toEqual(Array(3).fill('frozen'))
        expect(await c.settled(freeze)).toMatchObject({ value: { state: 'frozen', settled: true } })
        expect(rows().map((row) => row?.usage)).toEqual(Array(3).fill('frozen'))
        const asked = await c.ended(set.service.sign(askFor(set, key, someMessage()), set.client, 5000))
        expect(asked).toEqual({ code: 'key_frozen' })
        expect(await c.settled(change('unfreeze'))).toMatchObject({ value: { state: 'active' } })
        await expectWorks(set, key)
      },
    }
  }

/** Every write that a run can make those hosts do, before and after: found by runs without a crash. */
export async function crashPoints(scenario: Scenario, files: readonly string[]): Promise<readonly CrashPoint[]> {
  const most = new Map<string, number>()
  for (let turn = 0; turn < TURNS; turn++) {
    const run = scenario()
    let endings: readonly Ending<unknown>[] = []
    const counts = await countWrites(async () => {
      endings = await Promise.all(run.calls().map(async (call) => ({ value: await call })))
    })
    await run.check(endings)
    for (const [file, count] of counts) most.set(file, Math.max(most.get(file) ?? 0, count))
  }
  return files.flatMap((file) =>
    Array.from({ length: most.get(file) ?? 0 }, (_, i) => [
      { file, k: i + 1, moment: 'before' as const },
      { file, k: i + 1, moment: 'after' as const },
    ]).flat(),
  )
}

/** Crashes at one point, and everything that must hold afterwards. */
export async function survive(c: CrashSet, scenario: Scenario, point: CrashPoint, honest: TestKey): Promise<void> {
  try {
    for (let turn = 0; turn < 2 * TURNS; turn++) {
      const run = scenario()
      const { met, endings } = await c.crash(point, run.calls)
      await run.check(endings)
      await expectWorks(c.set, honest)
      c.expectKept()
      if (met) return
    }
    throw new Error('no run came by there')
  } catch (error) {
    throw new Error(`at write ${point.k} of ${point.file}, ${point.moment}: ${(error as Error).message}`, { cause: error })
  } finally {
    c.meddle()
  }
}

/** @returns at how many points a host has died */
export async function surviveAll(c: CrashSet, scenario: Scenario, files: readonly string[], honest: TestKey): Promise<number> {
  const points = await crashPoints(scenario, files)
  for (const point of points) await survive(c, scenario, point, honest)
  return points.length
}

/** The same with writes that end with a result code of SQLite. What did not fit on the disk is not there: that has no `after`. */
export async function surviveFaults(
  c: CrashSet,
  scenario: Scenario,
  files: readonly string[],
  honest: TestKey,
  result: number,
): Promise<number> {
  const all = await crashPoints(scenario, files)
  const points = all.filter(({ moment }) => result !== RESULTS.full || moment === 'before')
  for (const point of points) await survive(c, scenario, { ...point, result }, honest)
  return points.length
}
