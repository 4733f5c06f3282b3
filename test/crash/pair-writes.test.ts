import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type Ban, MAX_STRIKES, type PairPlace, type PairStore } from '../../src/host/store/pair-store.ts'
import { openSignerStore, type SignerStore } from '../../src/host/store/signer-store.ts'
import { hash, NOW } from '../host/store/drivers.ts'
import { temporaryDirectory } from '../host/temporary.ts'
import { armCrash, countWrites, diskOf, ProcessDied, putDisk } from './process-death.ts'

const FILE = 'signer.db'
const ROSTER = hash(900)
const PLACE: PairPlace = { peerKey: hash(2, 1), rosterHash: ROSTER }
const SESSION = hash(1, 3)
/** Bytes that occur nowhere else, so that they can be looked for on the disk. */
const setup = (i: number) => ({ pairId: hash(i, 2), sealed: new Uint8Array(6429).fill(0x40 + i) })
const ban: Ban = { code: 'OTE_CHECK', sessionId: SESSION, evidence: hash(1, 4), bannedAt: NOW }
const enter = (pairs: PairStore): boolean =>
  pairs.enter({ sessionId: SESSION, peers: [{ place: PLACE, pairId: setup(1).pairId }], signatures: 5 })
const stopped = (times: number) => (pairs: PairStore) => {
  for (let i = 0; i < times; i++) {
    pairs.put(PLACE, setup(1))
    enter(pairs)
    if (i + 1 < times) pairs.burn(NOW + i)
  }
}

const struck = (pairs: PairStore): void => {
  pairs.put(PLACE, setup(1))
  for (let i = 1; i < MAX_STRIKES; i++) pairs.strike(PLACE, ban)
}
type Work = (pairs: PairStore) => unknown

/** What a signer does about a set-up: what was before, what is written, and in how many writes (the database, the file of bans). */
const WRITES: readonly (readonly [string, Work, Work, number])[] = [
  ['a first set-up', () => {}, (p) => p.put(PLACE, setup(1)), 2],
  ['another set-up', (p) => p.put(PLACE, setup(1)), (p) => p.put(PLACE, setup(2)), 2],
  ['a mark', (p) => p.put(PLACE, setup(1)), enter, 1],
  ['the end of a check', stopped(1), (p) => p.leave(SESSION), 1],
  ['a ban', stopped(1), (p) => p.ban(PLACE, ban), 2],
  ['the last strike', struck, (p) => p.strike(PLACE, ban), 2],
  ['a set-up burnt', stopped(1), (p) => p.burn(NOW + 9), 2],
  ['a set-up burnt for the third time', stopped(3), (p) => p.burn(NOW + 9), 2],
  ['a set-up given up', (p) => p.put(PLACE, setup(1)), (p) => p.renew(PLACE), 2],
  ['a ban lifted', (p) => p.ban(PLACE, ban), (p) => p.lift(PLACE, NOW), 2],
  ['another roster', (p) => p.put(PLACE, setup(1)), (p) => p.keepOnly(hash(901)), 3],
]

const viewOf = ({ pairs, database }: SignerStore) => ({
  ...pairs.get(PLACE),
  marks: database.statement('SELECT session_id FROM pair_checks').all().length,
})

const onDisk = (path: string, sealed: Uint8Array): boolean =>
  [path, `${path}-wal`].some((file) => existsSync(file) && readFileSync(file).includes(Buffer.from(sealed.subarray(0, 64))))

it.each(WRITES)(
  '14.4 crash, S-01 a signer dies at any write of %s: as before it or as after it, and no seeds that were given up',
  async (what, prepare, write, writes) => {
    const path = join(temporaryDirectory(), FILE)
    let store = openSignerStore(path)
    const reopen = (disk?: ReturnType<typeof diskOf>): void => {
      store.database.close()
      if (disk !== undefined) putDisk(path, disk)
      store = openSignerStore(path)
    }
    prepare(store.pairs)
    const before = viewOf(store)
    store.database.close()
    const disk = diskOf(path)
    store = openSignerStore(path)
    expect((await countWrites(async () => write(store.pairs))).get(FILE)).toBe(writes)
    const after = viewOf(store)
    expect(after).not.toEqual(before)
    for (let k = 1; k <= writes; k++) {
      for (const moment of ['before', 'after'] as const) {
        const name = `write ${k}, ${moment}`
        reopen(disk)
        const armed = armCrash({ file: FILE, k, moment }, () => {})
        expect(() => write(store.pairs), name).toThrow(ProcessDied)
        armed.stop()
        reopen()
        const found = viewOf(store)
        if (k === 1 && moment === 'before') expect(found, name).toEqual(before)
        // It is lifted in both places, or in none.
        else if (what === 'a ban lifted' && k + Number(moment === 'after') < 3) expect(found, name).toEqual(before)
        else expect(found, name).toEqual(after)
        for (const i of [1, 2]) {
          const inUse = found.setup !== null && found.setup.sealed[0] === setup(i).sealed[0]
          expect(onDisk(path, setup(i).sealed), `${name}, seeds ${i}`).toBe(inUse)
        }
        write(store.pairs)
        expect(store.pairs.get(PLACE).status, `${name}, and once more`).toBe(after.status)
      }
    }
    store.database.close()
  },
)
