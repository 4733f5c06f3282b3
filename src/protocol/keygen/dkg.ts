import { SUITES } from '../channel/setup.ts'
import type { Group } from '../curve/group.ts'
import { equalBytes, wipe } from '../engine/bytes.ts'
import { blame, Fault, SetupError } from '../engine/fault.ts'
import { assertParties, assertThreshold, type PartyId } from '../engine/party.ts'
import { broadcastOf, directOf, type Env, type Inbox, type Protocol, peersOf } from '../engine/round.ts'
import { TAGS } from '../engine/tags.ts'
import { TH } from '../engine/transcript.ts'
import { SCHEMES, type Scheme } from '../request/document.ts'
import { addCommitments, commit, evaluateCommitments } from '../sharing/feldman.ts'
import { abscissa, evaluate, randomPolynomial, sumScalars } from '../sharing/polynomial.ts'
import { type Certificate, certificateMessage, verifyCertificateSignature } from './certificate.ts'
import { type DkgView, judgeComplaint, receiveShare } from './complaint.ts'
import { describeKey, type KeySecret, type PublicPackage } from './key-record.ts'
import {
  COMMIT,
  type Confirmation,
  chainCommitment,
  MAX_EVIDENCE,
  type Reveal,
  revealCodec,
  revealCommitment,
  SHARE,
  verdictCodec,
} from './messages.ts'
import { confirmationChallenge, possessionChallenge, prove, verify } from './proof.ts'
import { groupOf } from './scheme.ts'

export interface DkgParams {
  readonly scheme: Scheme
  /** Of the user's signed keygen request and its credential (`ownedRequestHash`), 32 bytes. */
  readonly requestHash: Uint8Array
  /** Ed25519 signature (64 bytes) under this signer's roster key: the script gets the signature, never the seed. */
  readonly sign: (message: Uint8Array) => Uint8Array
}

/**
 * What the host stores before its round-3 message leaves (decisions.md 3). `secret` is a copy that belongs to the host, which seals
 * and wipes it; never deleted by itself, since a peer may already hold the certificate that makes the key real.
 */
export interface PendingKey {
  readonly key: PublicPackage
  readonly secret: KeySecret
  /** This signer's certificate signature, 64 bytes. */
  readonly signature: Uint8Array
}

export interface KeyGenResult {
  /** All n signatures, verified: the host may mark the key active. */
  readonly certificate: Certificate
}

/**
 * Distributed key generation (protocols.md 3; steps in this folder's README): PedPop hardened with commit-then-open and a certificate,
 * for any 2 <= t <= n <= 16 and exactly the signers of the roster. Needs the full channel.
 * @throws SetupError SETUP_REFUSED before any message exists.
 * @throws Fault DKG_*, with culprits where the failure proves one.
 */
export function* dkg(env: Env, params: DkgParams): Protocol<KeyGenResult, PendingKey> {
  assertDkg(env, params)
  const { self, parties, threshold, sessionId, roster, curves, rng } = env
  const { scheme } = params
  const group = groupOf(scheme, curves)
  const revealing = revealCodec(group)
  const closing = verdictCodec(group)
  const peers = peersOf(env)
  const secrets: Uint8Array[] = []
  const secret = (bytes: Uint8Array): Uint8Array => {
    secrets.push(bytes)
    return bytes
  }
  try {
    // 1. Commit to the polynomial, the proof and the chain part, before anything of another's is seen.
    const polynomial = randomPolynomial(group, threshold, rng)
    secrets.push(...polynomial)
    const chainPart = secret(rng(32))
    const commitments = commit(group, polynomial)
    const own: Reveal = {
      salt: rng(32),
      commitments,
      possession: prove(group, polynomial, possessionChallenge(group, sessionId, self, commitments), rng),
      chainCommitment: chainCommitment(sessionId, self, chainPart),
    }
    const committed = yield {
      name: 'dkg/commit',
      broadcast: COMMIT.encode({ commitment: revealCommitment(sessionId, self, own) }),
      from: peers,
    }
    const commitmentOf = readAll(peers, committed, (body) => COMMIT.decode(body).commitment)

    // 2. Open; a share and the chain part to each peer.
    const direct = new Map<PartyId, Uint8Array>()
    for (const to of peers) {
      const share = evaluate(group, polynomial, abscissa(group, to))
      direct.set(to, secret(SHARE.encode({ share, chainPart })))
      wipe(share)
    }
    const revealed = yield { name: 'dkg/reveal', broadcast: revealing.encode(own), direct, from: peers }
    for (const from of peers) secret(directOf(revealed, from))

    // D1
    const reveals = readAll(peers, revealed, (body) => readReveal(group, threshold, revealing.decode(body)))
    // D2
    for (const from of peers) {
      const opened = revealCommitment(sessionId, from, reveals.get(from) as Reveal)
      if (!equalBytes(opened, commitmentOf.get(from) as Uint8Array)) throw new Fault('DKG_COMMIT', [from])
    }
    // D3
    for (const from of peers) {
      const { commitments: theirs, possession } = reveals.get(from) as Reveal
      const challenge = possessionChallenge(group, sessionId, from, theirs)
      if (!verify(group, theirs, possession, challenge)) throw new Fault('DKG_POP', [from])
    }
    reveals.set(self, own)

    // D4, D4'. Both sides of the comparison are signed by the sender, so it is named; the peers get the means to see for themselves.
    const view: DkgView = { group, curves, roster, suite: SUITES[scheme], sessionId, parties, reveals }
    const shares = new Map([[self, secret(evaluate(group, polynomial, abscissa(group, self)))]])
    const chainParts = new Map([[self, chainPart]])
    for (const from of peers) {
      const received = receiveShare(view, from, self, directOf(revealed, from))
      if (!received.ok) {
        const { envelope, key } = env.evidence(from)
        secret(key)
        if (envelope.length <= MAX_EVIDENCE) {
          const complaint = closing.encode({ type: 'complaint', value: { accused: from, key, envelope } })
          yield { name: 'dkg/complaint', broadcast: complaint, from: [] }
        }
        throw new Fault(received.code, [from])
      }
      shares.set(from, secret(received.share))
      chainParts.set(from, secret(received.chainPart))
    }

    // The local result. D5, equal views, is the channel's: no message of round 3 is read before its `prev` is T_2.
    const dealt = parties.map((id) => (reveals.get(id) as Reveal).commitments)
    const total = nonZero(addCommitments(group, dealt)) // D6
    const verificationShares = nonZero(parties.map((id) => evaluateCommitments(group, total, abscissa(group, id))))
    const verificationShareOf = new Map(parties.map((id, i) => [id, verificationShares[i] as Uint8Array]))
    const ownVerificationShare = verificationShareOf.get(self) as Uint8Array
    const share = secret(sumScalars(group, [...shares.values()]))
    if (group.isZero(share) || !equalBytes(group.baseMul(share), ownVerificationShare)) throw new Fault('DKG_SELF')
    const chain = secret(TH(TAGS.chain, sessionId, ...parties.map((id) => chainParts.get(id) as Uint8Array)))
    const key = describeKey({
      sessionId: Uint8Array.from(sessionId),
      transcript: Uint8Array.from(env.transcript()),
      scheme,
      threshold,
      parties: [...parties],
      rosterHash: Uint8Array.from(roster.hash),
      requestHash: Uint8Array.from(params.requestHash),
      commitments: total,
      verificationShares,
      chain,
    })

    // 3. Confirm: proof of knowledge of the share, certificate signature. The share is durable before either leaves.
    const signature = params.sign(certificateMessage(key))
    const knowledge = prove(group, [share], confirmationChallenge(group, key.transcript, self, ownVerificationShare), rng)
    const closed = yield {
      name: 'dkg/confirm',
      broadcast: closing.encode({ type: 'confirmation', value: { knowledge, signature } }),
      from: peers,
      commit: { key, secret: { share: Uint8Array.from(share), chain: Uint8Array.from(chain) }, signature },
    }
    const verdicts = readAll(peers, closed, (body) => closing.decode(body))
    const confirmations = new Map<PartyId, Confirmation>()
    for (const [from, verdict] of verdicts) {
      if (verdict.type === 'complaint') throw judgeComplaint(view, from, verdict.value)
      confirmations.set(from, verdict.value)
    }
    // D7
    for (const [from, confirmation] of confirmations) {
      const expected = verificationShareOf.get(from) as Uint8Array
      const challenge = confirmationChallenge(group, key.transcript, from, expected)
      if (!verify(group, [expected], confirmation.knowledge, challenge)) throw new Fault('DKG_CONF', [from])
    }
    // D8
    for (const [from, confirmation] of confirmations) {
      if (!verifyCertificateSignature(key, from, confirmation.signature, roster, curves)) throw new Fault('DKG_CERT', [from])
    }
    return { certificate: { key, signatures: parties.map((id) => confirmations.get(id)?.signature ?? signature) } }
  } finally {
    wipe(...secrets)
  }
}

function assertDkg(env: Env, params: DkgParams): void {
  const refuse = (why: string): never => {
    throw new SetupError('SETUP_REFUSED', why)
  }
  try {
    assertParties(env.parties)
    assertThreshold(env.threshold, env.parties.length)
  } catch (error) {
    refuse(error instanceof Error ? error.message : 'bad parties')
  }
  if (!env.parties.includes(env.self)) refuse('this signer is not in the list')
  // A key that only some of the signers hold can never be certified; and with another list a peer could collect t shares (K-16).
  if (env.parties.join() !== env.roster.members.map((m) => m.id).join()) refuse('key generation needs every signer of the roster')
  if (!SCHEMES.includes(params.scheme)) refuse('no such scheme')
  if (params.requestHash.length !== 32) refuse('a request hash has 32 bytes')
}

/** Decodes one broadcast per peer; whatever is wrong with it is its sender's fault. */
function readAll<T>(peers: readonly PartyId[], inbox: Inbox, read: (body: Uint8Array) => T): Map<PartyId, T> {
  const values = new Map<PartyId, T>()
  for (const from of peers) {
    const body = broadcastOf(inbox, from)
    values.set(
      from,
      blame(from, 'DKG_MALFORMED', () => read(body)),
    )
  }
  return values
}

/**
 * D1: exactly t commitments, each a point. A longer vector would raise the threshold in silence and let a dishonest majority steer
 * the key (TOB-SILA-1), a shorter one, or an identity as leading coefficient, would lower it (K-06).
 */
function readReveal(group: Group, threshold: number, reveal: Reveal): Reveal {
  if (reveal.commitments.length !== threshold) throw new RangeError(`${reveal.commitments.length} commitments, not ${threshold}`)
  if (!reveal.commitments.every((point) => group.isPoint(point))) throw new RangeError('a commitment is no point')
  return reveal
}

/** D6, and the same for verification shares: nobody can aim at it, so it blames nobody and calls for a new run. */
function nonZero(points: readonly (Uint8Array | null)[]): readonly Uint8Array[] {
  const present = points.filter((point) => point !== null)
  if (present.length !== points.length) throw new Fault('DKG_KEY_ZERO')
  return present
}
