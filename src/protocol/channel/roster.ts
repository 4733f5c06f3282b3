import { concat, list, u16, u32 } from '../engine/bytes.ts'
import { assertParties, type PartyId } from '../engine/party.ts'
import { TAGS } from '../engine/tags.ts'
import { TH } from '../engine/transcript.ts'

/** One signer's long-term public keys, pinned out of band (decisions.md 1). */
export interface Member {
  readonly id: PartyId
  /** Ed25519 key that signs envelopes, 32 bytes. */
  readonly signKey: Uint8Array
  /** X25519 key that messages are encrypted to, 32 bytes. */
  readonly exchangeKey: Uint8Array
  /** SHA-256 of the signer's TLS certificate (DER), 32 bytes. */
  readonly tlsFingerprint: Uint8Array
}

/** The signers of a set. Every host and gateway pins `hash`; nothing is trusted on first use. */
export interface Roster {
  readonly version: number
  readonly members: readonly Member[]
  /** TH(roster, bytes), 32 bytes. */
  readonly hash: Uint8Array
}

const KEY = 32

/**
 * Builds a roster: members sorted by id, keys of 32 bytes, no key twice.
 * @param first hash of the set's first roster, for a later one (empty for the first itself). Hashed too: whoever pins a later roster
 * pins whose requests it serves.
 * @throws RangeError
 */
export function makeRoster(version: number, members: readonly Member[], first: Uint8Array = new Uint8Array(0)): Roster {
  const sorted = [...members].sort((a, b) => a.id - b.id)
  assertParties(sorted.map((m) => m.id))
  const seen = new Set<string>()
  for (const m of sorted) {
    for (const key of [m.signKey, m.exchangeKey, m.tlsFingerprint]) {
      if (key.length !== KEY) throw new RangeError('roster keys have 32 bytes')
    }
    for (const key of [m.signKey, m.exchangeKey]) {
      const name = key.join()
      if (seen.has(name)) throw new RangeError('a key stands twice in the roster')
      seen.add(name)
    }
  }
  const entries = sorted.map((m) => concat(u16(m.id), m.signKey, m.exchangeKey, m.tlsFingerprint))
  const bytes = concat(u32(version), list(entries), first)
  return { version, members: sorted, hash: TH(TAGS.roster, bytes) }
}

export function memberOf(roster: Roster, id: PartyId): Member {
  const member = roster.members.find((m) => m.id === id)
  if (member === undefined) throw new RangeError(`signer ${id} is not in the roster`)
  return member
}

/** This signer's own long-term secrets. */
export interface Identity {
  readonly id: PartyId
  /** Ed25519 seed, 32 bytes. */
  readonly signSeed: Uint8Array
  /** X25519 secret, 32 bytes. */
  readonly exchangeSecret: Uint8Array
}
