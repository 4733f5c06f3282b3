import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { toProblem } from '../../src/host/api/to-problem.ts'
import { decodeView } from '../../src/host/coordinator/stored-view.ts'
import { openCoordinatorStore } from '../../src/host/store/coordinator-store.ts'
import { openSignerStore } from '../../src/host/store/signer-store.ts'
import { StoreError } from '../../src/host/store/store-error.ts'
import { inProcessSet, type TestSet } from '../host/set/in-process-set.ts'
import { askFor, isValid, makeKeys, SCHEMES, type Scheme, someMessage, type TestKey } from '../host/set/signing-keys.ts'
import { until } from '../host/set/until.ts'
import { DRIVERS, ROWS, type Role } from '../host/store/drivers.ts'
import { scratch } from '../host/store/scratch.ts'
import { diskOf, putDisk } from './process-death.ts'

const at = scratch()
/** What a damaged file may be refused with; anything else would be an error that nobody thought of. */
const REFUSALS = ['CORRUPT', 'WRONG_FILE', 'NEWER_SCHEMA']
const flipped = (bytes: Uint8Array, offset: number): Uint8Array => {
  const copy = Uint8Array.from(bytes)
  copy[offset] = (copy[offset] ?? 0) ^ (1 << (offset % 8))
  return copy
}
/** Spread over all of it, none twice, the same at each run. */
const spread = (length: number, count: number): readonly number[] =>
  Array.from({ length: Math.min(count, length) }, (_, i) => Math.floor((i * length) / Math.min(count, length)))

function refusedWith(work: () => unknown): string | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    return error.code
  }
}

describe.each(Object.keys(DRIVERS) as Role[])('S-01 the log of a %s', (role) => {
  const WRITES = 12
  /** A store as a crash leaves it, with its newest writes in the log only. */
  function crashed(path: string): readonly (Uint8Array | undefined)[] {
    const store = DRIVERS[role](path)
    for (let i = 0; i < WRITES; i++) store.write(i)
    const disk = diskOf(path)
    store.database.close()
    return disk
  }
  const found = (path: string): readonly number[] => {
    const store = DRIVERS[role](path)
    try {
      return Array.from({ length: WRITES }, (_, i) => store.rows(i))
    } finally {
      store.database.close()
    }
  }
  /** Whole writes from the first on, and then none. */
  const expectPrefix = (rows: readonly number[], what: string): void => {
    const whole = rows.filter((n) => n === ROWS).length
    expect(rows, what).toEqual([...Array(whole).fill(ROWS), ...Array(WRITES - whole).fill(0)])
  }

  it('cut off anywhere, decayed anywhere or gone: whole writes up to some point, never a part of one', () => {
    const path = at('data.db')
    const [file, log] = crashed(path) as [Uint8Array, Uint8Array]
    expect(log.length).toBeGreaterThan(10_000)
    for (const length of spread(log.length, 25)) {
      putDisk(path, [file, log.slice(0, length)])
      expectPrefix(found(path), `cut to ${length}`)
    }
    for (const offset of spread(log.length, 25)) {
      putDisk(path, [file, flipped(log, offset)])
      expectPrefix(found(path), `flipped at ${offset}`)
    }
    putDisk(path, [file, undefined])
    expectPrefix(found(path), 'gone')
    putDisk(path, [file, log])
    expect(found(path)).toEqual(Array(WRITES).fill(ROWS))
  })
})

describe('S-01 a bit that changed in a store', () => {
  let set: TestSet
  let keys: Readonly<Record<Scheme, TestKey>>
  beforeAll(async () => {
    set = await inProcessSet()
    keys = await makeKeys(set)
  })
  afterAll(() => set.close())

  /** What users get from the set as it is: a valid signature or a problem that the table knows, and no bug. */
  async function expectHonestEnds(where: string): Promise<void> {
    await until('all up', () => set.monitor.up().length === 3)
    for (const scheme of SCHEMES) {
      const message = someMessage()
      try {
        const view = await set.service.sign(askFor(set, keys[scheme], message), set.client, 4000)
        expect(isValid(keys[scheme], message, view.signature), where).toBe(true)
      } catch (error) {
        if (error instanceof StoreError && error.code === 'CORRUPT') continue
        expect(toProblem(error).code, `${where}: ${error}`).not.toBe('internal')
      }
    }
  }

  it('of a signer: it is refused, or no signature is wrong', async () => {
    const path = join(set.dir, 'signer-1.db')
    set.signerOf(1).store.database.close()
    const [file] = diskOf(path) as [Uint8Array]
    let opened = 0
    for (const offset of spread(file.length, 120)) {
      putDisk(path, [flipped(file, offset), undefined])
      const refused = refusedWith(() => openSignerStore(path).database.close())
      if (refused !== undefined) {
        expect(REFUSALS, `at ${offset}: ${refused}`).toContain(refused)
        continue
      }
      opened += 1
      if (opened % 12 !== 0) continue
      putDisk(path, [flipped(file, offset), undefined])
      set.restart(1)
      await expectHonestEnds(`at ${offset}`)
      set.signerOf(1).store.database.close()
    }
    expect(opened).toBeGreaterThan(0)
    putDisk(path, [file, undefined])
    set.restart(1)
    await expectHonestEnds('whole again')
  })

  it('anywhere in a stored signature is seen', async () => {
    const { id } = await set.service.sign(askFor(set, keys['ecdsa-secp256k1'], someMessage()), set.client, 8000)
    const stored = set.store.getSignature(id)?.response as Uint8Array
    expect(decodeView(stored).id).toBe(id)
    for (let offset = 0; offset < stored.length; offset++) {
      expect(() => decodeView(flipped(stored, offset)), `at ${offset}`).toThrow(StoreError)
    }
  })

  it('of a coordinator: it is refused, or no key and no signature is wrong', async () => {
    const path = join(set.dir, 'coordinator.db')
    const message = someMessage()
    const request = askFor(set, keys['eddsa-ed25519'], message)
    await set.service.sign(request, set.client, 8000)
    set.store.database.close()
    const [file] = diskOf(path) as [Uint8Array]
    let opened = 0
    for (const offset of spread(file.length, 120)) {
      putDisk(path, [flipped(file, offset), undefined])
      const refused = refusedWith(() => openCoordinatorStore(path).database.close())
      if (refused !== undefined) {
        expect(REFUSALS, `at ${offset}: ${refused}`).toContain(refused)
        continue
      }
      opened += 1
      if (opened % 12 !== 0) continue
      putDisk(path, [flipped(file, offset), undefined])
      await set.restartCoordinator()
      await expectHonestEnds(`at ${offset}`)
      // The stored outcome: as it was, made anew, or refused; never another.
      const stored = await set.service.sign(request, set.client, 4000).catch((error: unknown) => {
        if (error instanceof StoreError) expect(error.code).toBe('CORRUPT')
        else expect(toProblem(error).code, `at ${offset}: ${error}`).not.toBe('internal')
      })
      if (stored != null) expect(isValid(keys['eddsa-ed25519'], message, stored.signature), `at ${offset}`).toBe(true)
      set.store.database.close()
    }
    expect(opened).toBeGreaterThan(0)
    putDisk(path, [file, undefined])
    await set.restartCoordinator()
    await expectHonestEnds('whole again')
  })
})
