import { memberOf } from '../channel/roster.ts'
import { equalBytes, idList, wipe } from '../engine/bytes.ts'
import { bytes, list, message, uint } from '../engine/codec.ts'
import { blame, Fault, SetupError } from '../engine/fault.ts'
import type { PartyId } from '../engine/party.ts'
import { broadcastOf, directOf, type Env, type Protocol, peersOf } from '../engine/round.ts'
import { TAGS } from '../engine/tags.ts'
import { TH } from '../engine/transcript.ts'
import {
  confirmationTag,
  type Generation,
  kidOf,
  makeSharedKey,
  pairSecret,
  type SharedKey,
  subsetsOf,
  wipeGeneration,
} from './generation.ts'

/** `hm` is offered for t <= 3 (decisions.md 19): beyond that C(2t-1, t) keys get out of hand. */
export const MAX_HM_THRESHOLD = 3
/** A member's pairs and subsets at t = 3: 4 + C(4,2). */
const MAX_KEYS = 10

export const OPEN = message({ rosterHash: bytes(32), boot: uint(2 ** 32 - 1), bootNonce: bytes(32), ephemeral: bytes(32) }, 160)
export const CONTRIBUTE = message({ parts: list(bytes(32), MAX_KEYS) }, 600)
export const CONFIRM = message({ tags: list(bytes(32), MAX_KEYS) }, 600)

export interface EstablishParams {
  /** This signer's static X25519 secret (roster idE), 32 bytes. */
  readonly exchangeSecret: Uint8Array
  /** Times this signer has started, persisted; a peer's lower count than one seen before is refused (decisions.md 18). */
  readonly boot: number
  readonly bootNonce: Uint8Array
  readonly bootsSeen: ReadonlyMap<PartyId, number>
}

export interface Established {
  readonly generation: Generation
  readonly boots: ReadonlyMap<PartyId, number>
}

/**
 * Agrees on the PRSS keys of one signer set (honest-majority-ecdsa.md 1.3): G1 signed openings, for t >= 3 contributions to the
 * subset keys, G2 confirmation tags. Runs on the full channel. No failure names anybody but a malformed message's sender:
 * the confirmation protects liveness, not secrecy (1.6).
 * @throws SetupError HM_PARAM unless |S| = 2t - 1 and t <= 3.
 */
export function* establish(env: Env, params: EstablishParams): Protocol<Established> {
  const { self, parties, threshold, roster, curves, rng } = env
  if (parties.length !== 2 * threshold - 1 || threshold > MAX_HM_THRESHOLD) {
    throw new SetupError('HM_PARAM', `hm needs exactly 2t-1 signers and t <= ${MAX_HM_THRESHOLD}`)
  }
  const peers = peersOf(env)
  const secret = rng(32)
  const secrets = [secret]
  const keys: SharedKey[] = []
  let finished = false
  try {
    // G1
    const mine = OPEN.encode({
      rosterHash: roster.hash,
      boot: params.boot,
      bootNonce: params.bootNonce,
      ephemeral: curves.x25519PublicKey(secret),
    })
    const opened = yield { name: 'prss/open', broadcast: mine, from: peers }
    const openings = new Map<PartyId, Uint8Array>([[self, mine]])
    const ephemerals = new Map<PartyId, Uint8Array>()
    const boots = new Map<PartyId, number>()
    for (const from of peers) {
      const body = broadcastOf(opened, from)
      const value = blame(from, 'MALFORMED', () => OPEN.decode(body))
      if (!equalBytes(value.rosterHash, roster.hash)) throw new Fault('PRSS_MISMATCH', [], 'another roster')
      if (value.boot < (params.bootsSeen.get(from) ?? 0))
        throw new Fault('PRSS_MISMATCH', [], `boot counter of ${from} went back`)
      openings.set(from, body)
      ephemerals.set(from, value.ephemeral)
      boots.set(from, value.boot)
    }

    const pairs = new Map<PartyId, SharedKey>()
    for (const peer of peers) {
      const members = [self, peer].sort((a, b) => a - b)
      const kid = kidOf(roster.hash, members, openings)
      // Only the owner of a key can make the shared value zero: in its G1 or, if the operator let it, in the roster.
      const fresh = blame(peer, 'MALFORMED', () => curves.x25519(secret, ephemerals.get(peer) as Uint8Array))
      secrets.push(fresh)
      const fixed = blame(peer, 'CHANNEL', () => curves.x25519(params.exchangeSecret, memberOf(roster, peer).exchangeKey))
      const key = pairSecret(kid, fresh, fixed)
      const shared = makeSharedKey(members, kid, key)
      wipe(key)
      pairs.set(peer, shared)
      keys.push(shared)
    }

    const all = subsetsOf(parties, threshold)
    const own = all.filter((a) => a.includes(self))
    let subsets: readonly SharedKey[] = [...pairs.values()]
    if (threshold > 2) {
      subsets = yield* contribute(env, own, openings)
      keys.push(...subsets)
    }

    // G2
    const tags = keys.map((k) => confirmationTag(k, self))
    const confirmed = yield { name: 'prss/confirm', broadcast: CONFIRM.encode({ tags }), from: peers }
    for (const from of peers) {
      const value = blame(from, 'MALFORMED', () => {
        const decoded = CONFIRM.decode(broadcastOf(confirmed, from))
        if (decoded.tags.length !== tags.length) throw new RangeError('another number of keys')
        return decoded
      })
      const expected = keys.filter((k) => k.members.includes(from)).map((k) => confirmationTag(k, from))
      if (!expected.every((tag) => value.tags.some((t) => equalBytes(t, tag)))) throw new Fault('PRSS_MISMATCH')
    }

    const kids = [...(threshold > 2 ? subsetsOf(parties, 2) : []), ...all].map((a) => kidOf(roster.hash, a, openings))
    finished = true
    return { generation: { signers: parties, threshold, kids, pairs, subsets }, boots }
  } finally {
    wipe(...secrets)
    if (!finished) wipeGeneration({ signers: [], threshold, kids: [], pairs: new Map(), subsets: keys })
  }
}

/** Subset keys for t >= 3: every member adds 32 random bytes, so one member's bad randomness does not fix a key. */
function* contribute(
  env: Env,
  own: readonly (readonly PartyId[])[],
  openings: ReadonlyMap<PartyId, Uint8Array>,
): Protocol<readonly SharedKey[]> {
  const { self, roster, rng } = env
  const peers = peersOf(env)
  const parts = own.map(() => rng(32))
  const plaintexts: Uint8Array[] = []
  try {
    const shared = (peer: PartyId): readonly number[] => own.flatMap((a, i) => (a.includes(peer) ? [i] : []))
    const direct = new Map(peers.map((p) => [p, CONTRIBUTE.encode({ parts: shared(p).map((i) => parts[i] as Uint8Array) })]))
    plaintexts.push(...direct.values())
    // The empty broadcast keeps every round in the transcript.
    const inbox = yield { name: 'prss/contribute', broadcast: new Uint8Array(0), direct, from: peers }
    for (const from of peers) plaintexts.push(directOf(inbox, from))
    const byPeer = new Map<PartyId, ReadonlyMap<number, Uint8Array>>()
    for (const from of peers) {
      const value = blame(from, 'MALFORMED', () => {
        const decoded = CONTRIBUTE.decode(directOf(inbox, from))
        if (decoded.parts.length !== shared(from).length) throw new RangeError('another number of subsets')
        return decoded
      })
      plaintexts.push(...value.parts)
      byPeer.set(from, new Map(shared(from).map((index, k) => [index, value.parts[k] as Uint8Array])))
    }
    return own.map((members, index) => {
      const inputs = members.map((m) => (m === self ? parts[index] : byPeer.get(m)?.get(index)) as Uint8Array)
      const key = TH(TAGS.prssKey, idList(members), ...members.map((m) => openings.get(m) as Uint8Array), ...inputs)
      const made = makeSharedKey(members, kidOf(roster.hash, members, openings), key)
      wipe(key)
      return made
    })
  } finally {
    wipe(...parts, ...plaintexts)
  }
}
