import { MAX_SIGNATURES } from '../../src/host/signer/pair-desk.ts'
import { memberOf } from '../../src/protocol/channel/roster.ts'
import { sessionId as sessionIdOf } from '../../src/protocol/channel/setup.ts'
import { PAIR_SECRET, type PairSecret } from '../../src/protocol/dkls23/pair-record.ts'
import { pairedPurpose, pairsOf } from '../../src/protocol/dkls23/purpose.ts'
import type { PartyId } from '../../src/protocol/engine/party.ts'
import type { SetupFields } from '../../src/protocol/frames/setup-frame.ts'
import { OPEN_PAIR, OPEN_SIGNING, REPLY_TYPES, type Reply } from '../../src/protocol/frames/signer-frames.ts'
import { PUBLIC_PACKAGE } from '../../src/protocol/keygen/key-record.ts'
import { inProcessSet, type SetOptions, type TestSet } from '../host/set/in-process-set.ts'
import { askFor, someMessage, type TestKey } from '../host/set/signing-keys.ts'
import { dealtPair } from '../protocol/dkls23/dealt-pair.ts'
import { fresh, type Item, maliciousCoordinator } from './malicious-coordinator.ts'
import { RogueSigner } from './rogue-signer.ts'

const ROGUE = 3
export const NAMES = Object.fromEntries(Object.entries(REPLY_TYPES).map(([name, number]) => [number, name]))
export const said = ({ type, code }: Pick<Reply, 'type' | 'code'>): string => [NAMES[type], code].filter(Boolean).join(' ')

/** What a dealer gives each of two signers, sealed as their hosts would. */
export function dealPair(set: TestSet, a: PartyId, b: PartyId): readonly [PairSecret, PairSecret] {
  const [smaller, larger] = dealtPair(fresh)
  for (const [own, peer, secret] of [
    [a, b, smaller],
    [b, a, larger],
  ] as const) {
    const place = { peerKey: memberOf(set.roster, peer).signKey, rosterHash: set.roster.hash }
    const { pairId } = secret
    const sealed = set.sealsOf(own).sealPair(PAIR_SECRET.encode(secret), pairId, peer)
    set.signerOf(own).store.pairs.put(place, { pairId, sealed })
  }
  return [smaller, larger]
}

/**
 * A set of real hosts whose signer 3 is rogue in DKLs23 sessions, and a coordinator beside the set's own that says what it likes. Set-ups are
 * dealt, so that they cost nothing; what the rogue has of them, it has for ever.
 */
export async function rogueSet(options: SetOptions = {}) {
  const set = await inProcessSet(options)
  const { threshold = 2 } = options
  const c = maliciousCoordinator(set)
  const rogue = new RogueSigner({
    identity: set.identities[ROGUE - 1] as (typeof set.identities)[number],
    roster: set.roster,
    curves: set.curves,
    rng: fresh,
    now: Date.now,
    keyOf: (keyId) => ({
      share: set.secretOf(ROGUE, keyId).share,
      key: PUBLIC_PACKAGE.decode(set.signerOf(ROGUE).store.getKey(keyId)?.publicPackage as Uint8Array),
    }),
  })
  const signer = set.signerOf(ROGUE)
  signer.handlers = rogue.over(signer.handlers)

  const idOf = (id: PartyId, peer: PartyId): Uint8Array => {
    const row = set.signerOf(id).pairs.row(peer)
    return row.setup?.pairId ?? rogue.pairs.get(id)?.pairId ?? new Uint8Array(32)
  }
  /** A new set-up, with nobody asked. */
  const deal = (a: PartyId, b: PartyId): void => {
    const [smaller, larger] = dealPair(set, a, b)
    if (b === ROGUE) rogue.pairs.set(a, larger)
    if (a === ROGUE) rogue.pairs.set(b, smaller)
  }
  const dealAll = (): void => {
    for (const [a, b] of pairsOf(set.signers.map(({ identity }) => identity.id))) deal(a, b)
  }
  const setupOf = (signers: readonly PartyId[], changes: Partial<SetupFields> = {}): SetupFields =>
    c.setupOf({ protocol: 'dkls23', suite: 'ecdsa-secp256k1', threshold, signers, deadline: Date.now() + 20_000, ...changes })
  const itemOf = (key: TestKey): Item => c.itemOf(askFor(set, key, someMessage()))

  /** Up to the messages of round 1. */
  const open = async (
    key: TestKey,
    signers: readonly PartyId[],
    count = 1,
    pairs = pairsOf(signers).map(([a, b]) => idOf(a, b)),
  ) => {
    const setup = setupOf(signers)
    const items = Array.from({ length: count }, () => itemOf(key))
    const frame = OPEN_SIGNING.encode({ setup, generation: new Uint8Array(0), tickets: [], pairs, items })
    const sessionId = sessionIdOf({
      ...setup,
      purpose: pairedPurpose(
        items.map((i) => i.instance),
        pairs,
      ),
    })
    const first = await Promise.all(signers.map((id) => c.ask(id, 'openSigning', frame)))
    return { sessionId, signers, items, frame, first, mail: first.flatMap((r) => r.envelopes) }
  }
  type Session = Awaited<ReturnType<typeof open>>
  const round = (id: PartyId, s: Session, number: number, mail: readonly Uint8Array[]): Promise<Reply> =>
    c.ask(id, 'round', c.roundFrame(s.sessionId, number, mail))
  /** The rest of it. @returns how it ended at each signer */
  const play = async (s: Session): Promise<readonly Reply[]> => {
    let replies: readonly Reply[] = s.first
    for (let number = 1; number <= 2 && replies.every((r) => r.type === REPLY_TYPES.sent); number++) {
      const mail = replies.flatMap((r) => r.envelopes)
      replies = await Promise.all(s.signers.map((id) => round(id, s, number, mail)))
    }
    return replies
  }
  const pairFrame = (a: PartyId, b: PartyId): Uint8Array =>
    OPEN_PAIR.encode({ setup: setupOf([a, b], { protocol: 'pair', suite: 'none', threshold: 2 }) })
  /** A set-up, round by round. @returns what each said last; with `until`, before the messages of that round are delivered */
  const setUp = async (a: PartyId, b: PartyId, until = 255) => {
    const frame = pairFrame(a, b)
    const sessionId = sessionIdOf({ ...OPEN_PAIR.decode(frame).setup, purpose: new Uint8Array(0) })
    let replies = await Promise.all([a, b].map((id) => c.ask(id, 'openPair', frame)))
    for (let number = 1; number < until && replies.every((r) => r.type === REPLY_TYPES.sent); number++) {
      const mail = replies.flatMap((r) => r.envelopes)
      replies = await Promise.all([a, b].map((id) => c.ask(id, 'round', c.roundFrame(sessionId, number, mail))))
    }
    return { sessionId, replies, mail: replies.flatMap((r) => r.envelopes) }
  }
  return {
    set,
    c,
    rogue,
    setUp,
    deal,
    dealAll,
    idOf,
    itemOf,
    open,
    round,
    play,
    /** Opens and plays. @returns what each signer said last */
    sign: async (key: TestKey, signers: readonly PartyId[], count = 1): Promise<readonly string[]> =>
      (await play(await open(key, signers, count))).map(said),
    pairFrame,
    statusOf: (id: PartyId, peer: PartyId) => set.signerOf(id).pairs.row(peer),
    exhaust: (id: PartyId, peer: PartyId): void => {
      const { store } = set.signerOf(id)
      const key = { signatures: MAX_SIGNATURES, peerKey: memberOf(set.roster, peer).signKey }
      store.database.statement('UPDATE pairs SET signatures = :signatures WHERE peer_key = :peerKey').run(key)
    },
    /** Nobody honest has anything against anybody honest. */
    unblamed: (): boolean =>
      [
        [1, 2],
        [2, 1],
      ].every(([id, peer]) => {
        const { status, strikes, crashes } = set.signerOf(id as PartyId).pairs.row(peer as PartyId)
        return status === 'ok' && strikes === 0 && crashes === 0
      }),
  }
}

export type RogueSet = Awaited<ReturnType<typeof rogueSet>>
