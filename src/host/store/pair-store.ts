import { equalBytes } from '../../protocol/engine/bytes.ts'
import type { BanFile } from './ban-file.ts'
import type { Database } from './database.ts'

/** A peer under a roster: what a set-up and a ban are about (decisions.md 6). A new roster is a new place. */
export interface PairPlace {
  /** The peer's signing key, 32 bytes. */
  readonly peerKey: Uint8Array
  readonly rosterHash: Uint8Array
}

/** `burnt`: this host stopped while a check ran; the seeds are gone and a new set-up is needed. */
export type PairStatus = 'none' | 'ok' | 'banned' | 'burnt'

/** The set-up in use. */
export interface StoredSetup {
  /** 32 bytes. */
  readonly pairId: Uint8Array
  /** See kms/sealing.ts; the store never sees it open. */
  readonly sealed: Uint8Array
}

export interface Ban {
  /** The fault that did it, or {@link BURNT}. */
  readonly code: string
  readonly sessionId: Uint8Array
  /** Hash of what the peer sent, 32 bytes; zero when nothing of it was bad. */
  readonly evidence: Uint8Array
  readonly bannedAt: number
}

export interface PairRow extends PairPlace {
  readonly status: PairStatus
  /** Exactly when `ok`. */
  readonly setup: StoredSetup | null
  /** Of the set-up in use: counted when they are begun. */
  readonly signatures: number
  /** Stops during a check within a day, over all set-ups. */
  readonly crashes: number
  readonly strikes: number
  /** Exactly when `banned`. */
  readonly ban: Ban | null
}

/** A session that is about to have its messages checked. */
export interface CheckedSession {
  readonly sessionId: Uint8Array
  readonly peers: readonly { readonly place: PairPlace; readonly pairId: Uint8Array }[]
  /** To be counted now: the session's items before its first check, 0 later. */
  readonly signatures: number
}

/** Why a peer was banned whose checks this host did not live to see three times within a day. Each time its seeds went, so nothing adds up. */
export const BURNT = 'BURNT'
const MAX_CRASHES = 3
/** Provable misbehaviour that shows nobody a secret: so many times within a day, then an operator has to look (attacks.md O-13). */
export const MAX_STRIKES = 16
const WINDOW_MS = 24 * 60 * 60 * 1000

const NOTHING = new Uint8Array(32)

/** What a signer must not forget of its peers for DKLs23. Writes are on the disk when a method returns. Every method throws StoreError. */
export interface PairStore {
  get(place: PairPlace): PairRow
  /** A new set-up takes the place of the old one, which is overwritten. A banned peer gets none. */
  put(place: PairPlace, setup: StoredSetup): 'stored' | 'banned'
  /**
   * Marks a session's peers as being checked, before any check is evaluated (protocols.md 7.3). Nothing is written when one of the
   * set-ups is no longer in use.
   */
  enter(session: CheckedSession): boolean
  /** The checks have passed or were not reached. */
  leave(sessionId: Uint8Array): void
  /** Sessions that are marked. */
  marks(): readonly Uint8Array[]
  /** Whether there is a set-up with each of them. */
  usable(places: readonly PairPlace[]): boolean
  /** The seeds are overwritten in the same transaction, both directions. The first ban of a peer stays. */
  ban(place: PairPlace, ban: Ban): void
  /** @returns whether this was one too many, so that the peer is now banned. */
  strike(place: PairPlace, ban: Ban): boolean
  /** Every peer in a check whose end nobody will know: {@link BURNT}, the third time within a day banned. @param sessionId of one session; else all */
  burn(now: number, sessionId?: Uint8Array): readonly PairPlace[]
  /**
   * Set-ups of other rosters are overwritten and forgotten: nobody can name them any more. Bans stay, for that roster may come back.
   * @returns how many
   */
  keepOnly(rosterHash: Uint8Array): number
  /** An operator gives up a set-up. @returns what the status was. */
  renew(place: PairPlace): PairStatus
  /** An operator lifts a ban: there is no set-up then, and nothing is held against the peer. */
  lift(place: PairPlace, now: number): 'lifted' | 'not-banned'
}

export const PAIR_SCHEMA = `
  CREATE TABLE pairs (
    peer_key BLOB NOT NULL CHECK (length(peer_key) = 32),
    roster_hash BLOB NOT NULL CHECK (length(roster_hash) = 32),
    status TEXT NOT NULL CHECK (status IN ('none', 'ok', 'banned', 'burnt')),
    pair_id BLOB CHECK ((pair_id IS NULL) = (status <> 'ok')),
    sealed BLOB CHECK ((sealed IS NULL) = (status <> 'ok')),
    serial INTEGER NOT NULL,
    signatures INTEGER NOT NULL,
    crashes INTEGER NOT NULL,
    crashes_since INTEGER NOT NULL,
    strikes INTEGER NOT NULL,
    strikes_since INTEGER NOT NULL,
    PRIMARY KEY (peer_key, roster_hash)
  ) STRICT;
  CREATE TABLE pair_checks (
    session_id BLOB NOT NULL CHECK (length(session_id) = 32),
    peer_key BLOB NOT NULL,
    roster_hash BLOB NOT NULL,
    PRIMARY KEY (session_id, peer_key, roster_hash)
  ) STRICT;
  CREATE TABLE bans (
    peer_key BLOB NOT NULL CHECK (length(peer_key) = 32),
    roster_hash BLOB NOT NULL CHECK (length(roster_hash) = 32),
    code TEXT NOT NULL,
    session_id BLOB NOT NULL CHECK (length(session_id) = 32),
    evidence BLOB NOT NULL CHECK (length(evidence) = 32),
    banned_at INTEGER NOT NULL,
    lifted_at INTEGER
  ) STRICT;
  CREATE UNIQUE INDEX bans_in_force ON bans (peer_key, roster_hash) WHERE lifted_at IS NULL;
`

interface Row extends PairPlace {
  readonly status: PairStatus
  readonly pairId: Uint8Array | null
  readonly sealed: Uint8Array | null
  /** Grows with each set-up of this place, over the life of the store. */
  readonly serial: number
  readonly signatures: number
  readonly crashes: number
  readonly crashesSince: number
  readonly strikes: number
  readonly strikesSince: number
}

const AT = 'peer_key = :peerKey AND roster_hash = :rosterHash'
const FRESH = {
  status: 'none',
  pairId: null,
  sealed: null,
  serial: 0,
  signatures: 0,
  crashes: 0,
  crashesSince: 0,
  strikes: 0,
  strikesSince: 0,
} as const
const GONE = { pairId: null, sealed: null, signatures: 0 } as const

/** The pairs of an open signer store. Brings database and ban file to the same state: whichever remembers more wins. */
export function pairStore(database: Database, bans: BanFile): PairStore {
  const select = database.statement<Row>(`
    SELECT peer_key AS peerKey, roster_hash AS rosterHash, status, pair_id AS pairId, sealed, serial, signatures, crashes,
      crashes_since AS crashesSince, strikes, strikes_since AS strikesSince FROM pairs WHERE ${AT}`)
  const everywhere = database.statement<PairPlace>('SELECT peer_key AS peerKey, roster_hash AS rosterHash FROM pairs')
  const upsert = database.statement(`
    INSERT OR REPLACE INTO pairs
    VALUES (:peerKey, :rosterHash, :status, :pairId, :sealed, :serial, :signatures, :crashes, :crashesSince, :strikes, :strikesSince)`)
  const count = database.statement(`UPDATE pairs SET signatures = signatures + :signatures WHERE ${AT}`)
  const mark = database.statement('INSERT OR IGNORE INTO pair_checks VALUES (:sessionId, :peerKey, :rosterHash)')
  const marked = database.statement<PairPlace & { readonly sessionId: Uint8Array }>(`
    SELECT session_id AS sessionId, peer_key AS peerKey, roster_hash AS rosterHash FROM pair_checks
    WHERE :sessionId IS NULL OR session_id = :sessionId`)
  const markedSessions = database.statement<{ readonly id: Uint8Array }>('SELECT DISTINCT session_id AS id FROM pair_checks')
  const unmarkSession = database.statement('DELETE FROM pair_checks WHERE session_id = :sessionId')
  const unmarkPeer = database.statement(`DELETE FROM pair_checks WHERE ${AT}`)
  const others = database.statement<PairPlace>(`
    SELECT peer_key AS peerKey, roster_hash AS rosterHash FROM pairs WHERE roster_hash <> :rosterHash AND status <> 'banned'`)
  const remove = database.statement(`DELETE FROM pairs WHERE ${AT}`)
  const inForce = database.statement<Ban>(`
    SELECT code, session_id AS sessionId, evidence, banned_at AS bannedAt FROM bans WHERE ${AT} AND lifted_at IS NULL`)
  const insertBan = database.statement(
    'INSERT INTO bans VALUES (:peerKey, :rosterHash, :code, :sessionId, :evidence, :bannedAt, NULL)',
  )
  const checkpoint = database.statement('PRAGMA wal_checkpoint(TRUNCATE)')
  const liftBan = database.statement(`UPDATE bans SET lifted_at = :now WHERE ${AT} AND lifted_at IS NULL`)

  const at = ({ peerKey, rosterHash }: PairPlace): PairPlace => ({ peerKey, rosterHash })
  /** Serial numbers go on from where the file saw them last, also where the row is gone. */
  const rowAt = (place: PairPlace): Row =>
    select.get(at(place)) ?? { ...at(place), ...FRESH, serial: Math.max(0, bans.of(place).floor - 1) }
  const banAt = (place: PairPlace): Ban | null => inForce.get(at(place)) ?? null
  /** After the transaction: what was given up stays given up, also when the database is an older one some day. */
  const remember = (place: PairPlace): void => {
    const { status, serial } = rowAt(place)
    bans.remember(at(place), { floor: status === 'ok' ? serial : serial + 1, ban: banAt(place) })
  }
  /** Seeds that were replaced or given up are not left in the log either. */
  const wiped = (place: PairPlace): void => {
    checkpoint.get()
    remember(place)
  }
  const setBan = (row: Row, ban: Ban): void => {
    upsert.run({ ...row, ...GONE, status: 'banned' })
    unmarkPeer.run(at(row))
    if (banAt(row) !== null) return
    const { code, sessionId, evidence, bannedAt } = ban
    insertBan.run({ ...at(row), code, sessionId, evidence, bannedAt })
  }
  const burnOne = (place: PairPlace, sessionId: Uint8Array, now: number): void => {
    const row = rowAt(place)
    if (row.status !== 'ok') return
    const recent = now - row.crashesSince < WINDOW_MS
    const counted = recent ? { crashes: row.crashes + 1 } : { crashes: 1, crashesSince: now }
    const burnt = { ...row, ...GONE, status: 'burnt' as const, ...counted }
    if (burnt.crashes < MAX_CRASHES) upsert.run(burnt)
    else setBan(burnt, { code: BURNT, sessionId, evidence: NOTHING, bannedAt: now })
  }
  /** The database, then the file, and so in no transaction of the caller's; a caller that is told neither may assume neither. */
  const durably = <T>(place: PairPlace, work: () => T): T => {
    const result = database.transaction(work)
    wiped(place)
    return result
  }

  const renew = (place: PairPlace): PairStatus =>
    durably(place, () => {
      const row = rowAt(place)
      if (row.status === 'ok' || row.status === 'burnt') upsert.run({ ...row, ...GONE, status: 'none' })
      return row.status
    })

  for (const place of [...everywhere.all(), ...bans.places()]) {
    const { floor, ban } = bans.of(place)
    database.transaction(() => {
      const row = rowAt(place)
      const serial = Math.max(row.serial, floor - 1)
      if (ban !== null && row.status !== 'banned') setBan({ ...row, serial }, ban)
      else if (row.status === 'ok' && row.serial < floor) upsert.run({ ...row, ...GONE, status: 'burnt', serial })
      else if (row.serial < serial) upsert.run({ ...row, serial })
    })
    wiped(place)
  }

  return {
    get: (place) => {
      const { pairId, sealed, serial: _, crashesSince: __, strikesSince: ___, ...row } = rowAt(place)
      return { ...row, setup: pairId === null || sealed === null ? null : { pairId, sealed }, ban: banAt(place) }
    },
    put: (place, { pairId, sealed }) =>
      durably(place, () => {
        const row = rowAt(place)
        if (row.status === 'banned') return 'banned'
        upsert.run({ ...row, status: 'ok', pairId, sealed, serial: row.serial + 1, signatures: 0 })
        return 'stored'
      }),
    enter: ({ sessionId, peers, signatures }) =>
      database.transaction(() => {
        const usable = peers.every(({ place, pairId }) => {
          const row = rowAt(place)
          return row.pairId !== null && equalBytes(row.pairId, pairId)
        })
        if (!usable) return false
        for (const { place } of peers) {
          mark.run({ sessionId, ...at(place) })
          if (signatures > 0) count.run({ ...at(place), signatures })
        }
        return true
      }),
    leave: (sessionId) => {
      unmarkSession.run({ sessionId })
    },
    marks: () => markedSessions.all().map(({ id }) => id),
    usable: (places) => places.every((place) => rowAt(place).status === 'ok'),
    ban: (place, ban) =>
      durably(place, () => {
        setBan(rowAt(place), ban)
      }),
    strike: (place, ban) => {
      const banned = database.transaction(() => {
        const row = rowAt(place)
        if (row.status === 'banned') return false
        const recent = ban.bannedAt - row.strikesSince < WINDOW_MS
        const struck = recent ? { ...row, strikes: row.strikes + 1 } : { ...row, strikes: 1, strikesSince: ban.bannedAt }
        if (struck.strikes >= MAX_STRIKES) setBan(struck, ban)
        else upsert.run(struck)
        return struck.strikes >= MAX_STRIKES
      })
      if (banned) wiped(place)
      return banned
    },
    burn: (now, sessionId) => {
      const found = database.transaction(() => {
        const marks = marked.all({ sessionId: sessionId ?? null })
        for (const { sessionId: id, ...place } of marks) burnOne(place, id, now)
        for (const { sessionId: id } of marks) unmarkSession.run({ sessionId: id })
        return marks.map(at)
      })
      for (const place of found) wiped(place)
      return found
    },
    keepOnly: (rosterHash) => {
      const found = others.all({ rosterHash })
      for (const place of found) {
        // First overwritten and remembered as given up: that is made from the row.
        renew(place)
        remove.run(at(place))
      }
      return found.length
    },
    renew,
    lift: (place, now) =>
      durably(place, () => {
        const row = rowAt(place)
        if (row.status !== 'banned') return 'not-banned'
        upsert.run({ ...row, ...GONE, status: 'none', crashes: 0, crashesSince: 0, strikes: 0, strikesSince: 0 })
        liftBan.run({ ...at(place), now })
        return 'lifted'
      }),
  }
}
