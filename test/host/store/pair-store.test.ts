import { copyFileSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Ban, BURNT, MAX_STRIKES, type PairPlace, type PairRow } from '../../../src/host/store/pair-store.ts'
import { openSignerStore, type SignerStore } from '../../../src/host/store/signer-store.ts'
import { hash, NOW } from './drivers.ts'
import { scratch } from './scratch.ts'

const at = scratch()
let store: SignerStore
beforeEach(() => {
  store = openSignerStore(at('signer.db'))
})
afterEach(() => store.database.close())

const path = (): string => at('signer.db')
/** A new process. @param meanwhile what happens to the files between the two */
function reopen(meanwhile: () => void = () => {}): void {
  store.database.close()
  meanwhile()
  store = openSignerStore(path())
}

const ROSTER = hash(900)
const place = (peer: number, rosterHash = ROSTER): PairPlace => ({ peerKey: hash(peer, 1), rosterHash })
/** Bytes that occur nowhere else, so that they can be looked for on the disk. */
const sealed = (i: number): Uint8Array => new Uint8Array(6429).fill(0x40 + i)
const setup = (i: number) => ({ pairId: hash(i, 2), sealed: sealed(i) })
const ban = (changes: Partial<Ban> = {}): Ban => ({
  code: 'OTE_CHECK',
  sessionId: hash(1, 3),
  evidence: hash(1, 4),
  bannedAt: NOW,
  ...changes,
})
const session = (i: number, peers: readonly number[] = [2], signatures = 0) => ({
  sessionId: hash(i, 3),
  peers: peers.map((peer) => ({ place: place(peer), pairId: hash(peer, 2) })),
  signatures,
})
const NEW: PairRow = { ...place(2), status: 'none', setup: null, signatures: 0, crashes: 0, strikes: 0, ban: null }
const BANNED: PairRow = { ...NEW, status: 'banned', ban: ban() }

/** Everywhere a store keeps bytes. */
const onDisk = (needle: Uint8Array): boolean =>
  [path(), `${path()}-wal`, `${path()}.bans`].some(
    (file) => existsSync(file) && readFileSync(file).includes(Buffer.from(needle.subarray(0, 64))),
  )

describe('a pair', () => {
  it('has nothing, then a set-up, then the next one; each roster and peer its own', () => {
    expect(store.pairs.get(place(2))).toEqual(NEW)
    expect(store.pairs.put(place(2), setup(2))).toBe('stored')
    reopen()
    expect(store.pairs.get(place(2))).toEqual({ ...NEW, status: 'ok', setup: setup(2) })
    expect(store.pairs.get(place(3))).toEqual({ ...NEW, ...place(3) })
    expect(store.pairs.get(place(2, hash(901)))).toEqual({ ...NEW, ...place(2, hash(901)) })
    expect(store.pairs.enter(session(1, [2], 7))).toBe(true)
    store.pairs.leave(hash(1, 3))
    expect(store.pairs.put(place(2), setup(5))).toBe('stored')
    reopen()
    expect(store.pairs.get(place(2))).toEqual({ ...NEW, status: 'ok', setup: setup(5) })
  })

  it('counts the signatures of the set-up in use, with the mark that lets them begin', () => {
    for (const peer of [2, 3]) store.pairs.put(place(peer), setup(peer))
    expect(store.pairs.enter(session(1, [2, 3], 64))).toBe(true)
    expect(store.pairs.enter(session(1, [2, 3]))).toBe(true)
    expect(store.pairs.enter(session(2, [3], 5))).toBe(true)
    for (const i of [1, 2]) store.pairs.leave(hash(i, 3))
    reopen()
    expect([2, 3].map((peer) => store.pairs.get(place(peer)).signatures)).toEqual([64, 69])
  })

  it('O-10 enters no check with a set-up that is not in use any more: nothing is marked, nothing counted', () => {
    for (const peer of [2, 3]) store.pairs.put(place(peer), setup(peer))
    store.pairs.ban(place(3), ban())
    expect(store.pairs.enter(session(1, [2, 3], 9))).toBe(false)
    store.pairs.put(place(2), setup(7))
    expect(store.pairs.enter(session(1, [2], 9))).toBe(false)
    expect(store.pairs.enter(session(1, [4], 9))).toBe(false)
    expect(store.pairs.usable([place(2)])).toBe(true)
    expect(store.pairs.usable([place(2), place(3)])).toBe(false)
    expect(store.pairs.usable([place(4)])).toBe(false)
    expect(store.pairs.get(place(2)).signatures).toBe(0)
    expect(store.pairs.burn(NOW)).toEqual([])
  })
})

describe('a ban', () => {
  beforeEach(() => void store.pairs.put(place(2), setup(2)))

  it('O-10 stays, over restarts, whatever comes: no set-up, no second ban, no strike takes its place', () => {
    store.pairs.ban(place(2), ban())
    expect(store.pairs.get(place(2))).toEqual(BANNED)
    for (let i = 0; i < 2; i++) {
      expect(store.pairs.put(place(2), setup(4))).toBe('banned')
      store.pairs.ban(place(2), ban({ code: 'EC_CHECK_U', bannedAt: NOW + 1 }))
      expect(store.pairs.strike(place(2), ban({ code: 'SIGN_COMMIT' }))).toBe(false)
      expect(store.pairs.renew(place(2))).toBe('banned')
      expect(store.pairs.get(place(2))).toEqual(BANNED)
      reopen()
    }
    expect(store.pairs.get(place(3)).status).toBe('none')
    expect(store.pairs.get(place(2, hash(901))).status).toBe('none')
  })

  it('the seeds are gone from the disk with it, also from free pages and from the log', () => {
    for (let i = 0; i < 40; i++) store.pairs.put(place(3), setup(3))
    expect(onDisk(sealed(2))).toBe(true)
    store.pairs.ban(place(2), ban())
    expect(onDisk(sealed(2))).toBe(false)
    expect(onDisk(sealed(3))).toBe(true)
    reopen()
    expect(onDisk(sealed(2))).toBe(false)
    store.pairs.renew(place(3))
    expect(onDisk(sealed(3))).toBe(false)
  })

  it('O-10 a database restored from before has no seeds to go on with: the ban is back before anybody asks', () => {
    const copy = at('backup.db')
    reopen(() => copyFileSync(path(), copy))
    store.pairs.ban(place(2), ban())
    reopen(() => {
      rmSync(`${path()}-wal`, { force: true })
      copyFileSync(copy, path())
    })
    expect(store.pairs.get(place(2))).toEqual(BANNED)
    expect(onDisk(sealed(2))).toBe(false)
    // And the other way round: the file is lost, the database has it.
    reopen(() => rmSync(`${path()}.bans`))
    expect(store.pairs.get(place(2))).toEqual(BANNED)
    expect(existsSync(`${path()}.bans`)).toBe(true)
    reopen(() => copyFileSync(copy, path()))
    expect(store.pairs.get(place(2))).toEqual(BANNED)
  })

  it('O-10 neither does one with a set-up that was burnt, replaced or given up since: it is made anew', () => {
    const copy = at('backup.db')
    const restored = (): void => {
      rmSync(`${path()}-wal`, { force: true })
      copyFileSync(copy, path())
    }
    for (const giveUp of [
      () => {
        store.pairs.enter(session(1))
        store.pairs.burn(NOW)
      },
      () => void store.pairs.put(place(2), setup(8)),
      () => void store.pairs.renew(place(2)),
    ]) {
      store.pairs.put(place(2), setup(2))
      reopen(() => copyFileSync(path(), copy))
      giveUp()
      reopen(restored)
      expect(store.pairs.get(place(2))).toMatchObject({ status: 'burnt', setup: null })
      // A new one lives through the next restart.
      expect(store.pairs.put(place(2), setup(6))).toBe('stored')
      reopen()
      expect(store.pairs.get(place(2))).toMatchObject({ status: 'ok', setup: setup(6) })
    }
  })

  it('O-10 is lifted by an operator alone, and leaves no set-up: only a new one makes the pair usable', () => {
    expect(store.pairs.lift(place(2), NOW)).toBe('not-banned')
    expect(store.pairs.get(place(2)).status).toBe('ok')
    store.pairs.ban(place(2), ban())
    expect(store.pairs.lift(place(2), NOW + 5)).toBe('lifted')
    for (let i = 0; i < 2; i++) {
      expect(store.pairs.get(place(2))).toEqual(NEW)
      reopen()
    }
    expect(store.pairs.put(place(2), setup(9))).toBe('stored')
    expect(store.pairs.get(place(2))).toMatchObject({ status: 'ok', setup: setup(9) })
    store.pairs.ban(place(2), ban({ code: 'RVOLE_CHECK' }))
    expect(store.pairs.get(place(2)).ban).toEqual(ban({ code: 'RVOLE_CHECK' }))
    const history = store.database.statement<{ code: string; lifted_at: number | null }>('SELECT code, lifted_at FROM bans').all()
    expect(history.map((row) => ({ ...row }))).toEqual([
      { code: 'OTE_CHECK', lifted_at: NOW + 5 },
      { code: 'RVOLE_CHECK', lifted_at: null },
    ])
  })

  it('a file of bans that is damaged or open to others is no reason to forget them', () => {
    store.pairs.ban(place(2), ban())
    expect(statSync(`${path()}.bans`).mode & 0o777).toBe(0o600)
    const whole = readFileSync(`${path()}.bans`, 'utf8')
    store.database.close()
    for (const text of [
      '',
      whole.slice(0, -9),
      whole.replace('"floor": 2', '"floor": -2'),
      whole.replace('OTE_CHECK', '"'),
      '[]',
    ]) {
      writeFileSync(`${path()}.bans`, text)
      expect(() => openSignerStore(path())).toThrow(/^CORRUPT/)
    }
    writeFileSync(`${path()}.bans`, whole)
    store = openSignerStore(path())
    expect(store.pairs.get(place(2))).toEqual(BANNED)
  })
})

describe('a check that nobody saw the end of', () => {
  it('14.4 crash: after the next start the seeds are gone, the peer is not banned; the third time it is', () => {
    for (const crash of [1, 2, 3]) {
      store.pairs.put(place(2), setup(2))
      expect(store.pairs.enter(session(crash))).toBe(true)
      reopen()
      expect(store.pairs.get(place(2)).status).toBe('ok') // until the host says that it has started
      expect(store.pairs.burn(NOW + crash)).toEqual([place(2)])
      expect(store.pairs.burn(NOW + crash)).toEqual([])
      expect(onDisk(sealed(2))).toBe(false)
      const found = store.pairs.get(place(2))
      expect([found.status, found.crashes, found.setup]).toEqual([crash < 3 ? 'burnt' : 'banned', crash, null])
      reopen()
      expect(store.pairs.get(place(2))).toEqual(found)
    }
    expect(store.pairs.get(place(2)).ban).toEqual({
      code: BURNT,
      sessionId: hash(3, 3),
      evidence: new Uint8Array(32),
      bannedAt: NOW + 3,
    })
    expect(store.pairs.put(place(2), setup(2))).toBe('banned')
    store.pairs.lift(place(2), NOW + 4)
    expect(store.pairs.get(place(2))).toEqual(NEW)
  })

  it('14.4 crash: power cuts that are days apart ban nobody, however many: the seeds went with each', () => {
    const DAY = 24 * 60 * 60 * 1000
    for (let cut = 0; cut < 10; cut++) {
      store.pairs.put(place(2), setup(2))
      store.pairs.enter(session(cut))
      reopen()
      store.pairs.burn(NOW + cut * 0.6 * DAY)
      expect(store.pairs.get(place(2))).toMatchObject({ status: 'burnt', setup: null, crashes: 1 + (cut % 2) })
    }
  })

  it('14.4 crash: burns every peer of the session and no other; what was left or banned before is not counted', () => {
    for (const peer of [2, 3, 4, 5]) store.pairs.put(place(peer), setup(peer))
    store.pairs.enter(session(1, [2, 3]))
    store.pairs.enter(session(2, [3, 5]))
    store.pairs.enter(session(3, [4]))
    store.pairs.leave(hash(3, 3))
    store.pairs.ban(place(5), ban())
    expect(store.pairs.burn(NOW, hash(2, 3))).toEqual([place(3)])
    expect(store.pairs.burn(NOW).map(({ peerKey }) => peerKey)).toEqual([hash(2, 1), hash(3, 1)])
    expect([2, 3, 4, 5].map((peer) => store.pairs.get(place(peer)).status)).toEqual(['burnt', 'burnt', 'ok', 'banned'])
    // Both sessions were with peer 3, and it went once.
    expect(store.pairs.get(place(3)).crashes).toBe(1)
  })
})

describe('O-13 strikes', () => {
  const DAY = 24 * 60 * 60 * 1000
  const strikes = (count: number, from: number): boolean[] =>
    Array.from({ length: count }, (_, i) => store.pairs.strike(place(2), ban({ code: 'SIGN_MALFORMED', bannedAt: from + i })))

  it('so many within a day ban, with the code of the last, and take the seeds', () => {
    store.pairs.put(place(2), setup(2))
    expect(strikes(MAX_STRIKES - 1, NOW)).not.toContain(true)
    reopen()
    expect(store.pairs.get(place(2))).toMatchObject({ status: 'ok', strikes: MAX_STRIKES - 1, setup: setup(2) })
    expect(strikes(1, NOW + MAX_STRIKES)).toEqual([true])
    expect(store.pairs.get(place(2))).toMatchObject({ status: 'banned', setup: null, ban: { code: 'SIGN_MALFORMED' } })
  })

  it('a day later they count anew, a new set-up does not clear them, and a lifted ban does', () => {
    expect(strikes(MAX_STRIKES - 1, NOW)).not.toContain(true)
    store.pairs.put(place(2), setup(2))
    expect(store.pairs.get(place(2)).strikes).toBe(MAX_STRIKES - 1)
    expect(strikes(MAX_STRIKES - 1, NOW + DAY)).not.toContain(true)
    expect(store.pairs.get(place(2)).strikes).toBe(MAX_STRIKES - 1)
    expect(strikes(1, NOW + DAY + 100)).toEqual([true])
    store.pairs.lift(place(2), NOW)
    expect(store.pairs.get(place(2))).toEqual(NEW)
  })
})

describe('another roster', () => {
  const EARLIER = hash(901)

  it('takes the set-ups of the earlier ones from the disk; bans stay, and so does the roster’s own', () => {
    for (const peer of [2, 3, 4]) store.pairs.put(place(peer, EARLIER), setup(peer))
    store.pairs.put(place(2), setup(5))
    store.pairs.ban(place(4, EARLIER), ban())
    store.pairs.renew(place(3, EARLIER))
    expect(store.pairs.keepOnly(ROSTER)).toBe(2)
    expect([2, 3, 5].map((i) => onDisk(sealed(i)))).toEqual([false, false, true])
    const rows = (): unknown[] => store.database.statement('SELECT peer_key FROM pairs').all()
    for (let i = 0; i < 2; i++) {
      expect(rows()).toHaveLength(2)
      expect(store.pairs.keepOnly(ROSTER)).toBe(0)
      expect(store.pairs.get(place(2))).toMatchObject({ status: 'ok', setup: setup(5) })
      expect(store.pairs.get(place(4, EARLIER))).toMatchObject({ status: 'banned', ban: ban() })
      expect(store.pairs.get(place(2, EARLIER))).toEqual({ ...NEW, ...place(2, EARLIER) })
      reopen()
    }
    // It may come back, with a set-up of its own.
    store.pairs.put(place(2, EARLIER), setup(6))
    reopen()
    expect(store.pairs.get(place(2, EARLIER))).toMatchObject({ status: 'ok', setup: setup(6) })
  })

  it('and back again: what it took stays given up, also in a database from before', () => {
    const copy = at('backup.db')
    store.pairs.put(place(2, EARLIER), setup(2))
    reopen(() => copyFileSync(path(), copy))
    store.pairs.keepOnly(ROSTER)
    reopen(() => {
      rmSync(`${path()}-wal`, { force: true })
      copyFileSync(copy, path())
    })
    expect(store.pairs.get(place(2, EARLIER))).toMatchObject({ status: 'burnt', setup: null })
  })
})

it('a store with nothing but a set-up in it holds sealed records: it never gets another data key', () => {
  expect(store.holdsSealedRecords()).toBe(false)
  store.pairs.put(place(2), setup(2))
  expect(store.holdsSealedRecords()).toBe(true)
  store.pairs.renew(place(2))
  expect(store.holdsSealedRecords()).toBe(false)
})
