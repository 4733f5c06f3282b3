import { ANSWER, encodeCommand } from '../../../src/actors/crypto-commands.ts'
import { decodeEnvelope } from '../../../src/protocol/channel/envelope.ts'
import { equalBytes } from '../../../src/protocol/engine/bytes.ts'
import { ASSEMBLER } from '../../../src/protocol/engine/party.ts'
import { ABORT, OPEN_SIGNING, REPLY_TYPES, UPDATE_KEY } from '../../../src/protocol/frames/signer-frames.ts'
import { KEY_SECRET, PUBLIC_PACKAGE } from '../../../src/protocol/keygen/key-record.ts'
import type { Usage } from '../../../src/protocol/request/document.ts'
import { identityOf } from '../../simulator/world.ts'
import { bit, pack, unpack } from '../container.ts'
import { holds, mended } from '../coordinator-moves.ts'
import { honestSessions, sharedKeys } from '../honest-steps.ts'
import { CREDENTIAL, type KeyRow, NOW, startActor, TRIO, unsealedBy, updateFrame } from '../signer-trio.ts'
import { packStep, unpackStep } from '../steps.ts'
import { type FuzzTarget, promise } from '../target.ts'
import { ATTACKER } from '../victims.ts'

const SELF = 1
const MAX_STEPS = 8
/** No answer without a share is as long: a digest and an empty list. */
const EMPTY_ANSWER = 48

/** What the ledger of the main thread holds for the ids that a frame claims. */
function knownFor(frame: Uint8Array, ledger: ReadonlyMap<string, Uint8Array>): (Uint8Array | null)[] {
  try {
    return OPEN_SIGNING.decode(frame).items.map((i) => ledger.get(`${i.request.credentialId} ${i.requestId}`) ?? null)
  } catch {
    return []
  }
}

/** The key that an update names, as the main thread finds it. */
function named(frame: Uint8Array, rows: readonly KeyRow[]): KeyRow[] {
  try {
    const { keyId } = UPDATE_KEY.decode(frame)
    return rows.filter((row) => equalBytes(row.keyId, keyId))
  } catch {
    return []
  }
}

/** How a signer's crypto worker takes whatever a malicious coordinator frames. Each part is a step; every input starts a new worker. */
export async function open(): Promise<FuzzTarget> {
  const { certificates, rows: allRows } = await sharedKeys()
  const stored = allRows.get(SELF) ?? []
  const { signSeed, exchangeSecret } = identityOf(TRIO, SELF)
  const shares = stored.map((row) => {
    const { epoch } = PUBLIC_PACKAGE.decode(row.publicPackage)
    return KEY_SECRET.decode(unsealedBy(SELF, row.sealedShare, row.keyId, epoch)).share
  })
  const secrets = [signSeed, exchangeSecret, ...shares]
  return {
    maxLength: 1 << 16,
    dictionary: [CREDENTIAL.id, 'ed25519', ...stored.map((row) => row.keyId)],
    seeds: async () => {
      const seeds = new Map<string, Uint8Array>()
      for (const [name, exchanges] of await honestSessions()) {
        const steps = exchanges.filter(({ to }) => to === SELF).map(({ route, frame }) => packStep({ route, later: 0, frame }))
        seeds.set(name, pack(0, ...steps))
        if (name === 'sign-ecdsa-p256') continue // varied as secp256k1 is
        seeds.set(`${name}-in-league`, pack(15, ...steps))
        seeds.set(
          `${name}-late`,
          pack(0, ...steps.slice(0, -1), packStep({ ...unpackStep(steps.at(-1) as Uint8Array), later: 200 })),
        )
        seeds.set(`${name}-twice`, pack(0, ...steps.slice(0, 2), ...steps))
        seeds.set(`${name}-again`, pack(0, ...steps, ...steps.slice(-1)))
        const abort = packStep({ route: 'abort', later: 0, frame: ABORT.encode({ sessionId: new Uint8Array(32) }) })
        seeds.set(`${name}-aborted`, pack(4, ...steps.slice(0, -1), abort, ...steps.slice(-1)))
        // What opens the last session, and the same once more.
        const opening = steps.slice(
          0,
          1 + exchanges.filter(({ to }) => to === SELF).findLastIndex(({ route }) => route !== 'round'),
        )
        seeds.set(`${name}-opened`, pack(0, ...opening))
        seeds.set(`${name}-reopened`, pack(0, ...opening, ...opening.slice(-1)))
      }
      for (const [scheme, { key }] of certificates) {
        const update = (state: Usage): Uint8Array =>
          packStep({ route: 'updateKey', later: 0, frame: updateFrame(scheme, key.keyId, { state }) })
        const opened = seeds.get(`sign-${scheme}-opened`)
        if (opened === undefined) continue
        const steps = unpack(opened).parts
        seeds.set(`frozen-${scheme}`, pack(0, update('frozen'), ...steps))
        seeds.set(`archived-${scheme}`, pack(3, update('archived')))
      }
      return seeds
    },
    reaches: [
      'openSigning sent',
      'openKeygen sent',
      'openPrss sent',
      'round done',
      'updateKey done',
      'openSigning sent key_frozen',
      'openSigning sent request_replayed',
      'openSigning refused SESSION_REUSED',
      'round failed STOPPED',
    ],
    run: (input) => {
      const container = unpack(input)
      const actor = startActor(SELF)
      const ledger = new Map<string, Uint8Array>()
      let rows = stored
      let now = NOW
      let last: Uint8Array | undefined
      let outcome = 'nothing'
      for (const part of container.parts.slice(0, MAX_STEPS)) {
        const { route, later, frame } = mended(unpackStep(part), container, rows, last)
        if (route === 'certificate' || route === 'keys') continue
        now += later * 1000
        const keys = route === 'updateKey' ? named(frame, rows) : rows
        const bytes = actor.call(encodeCommand(route, now, { frame, known: knownFor(frame, ledger), keys }))
        for (const secret of secrets) promise(!holds(bytes, secret), 'an answer holds a secret')
        const { reply, claims, refusals, update } = ANSWER.decode(bytes)
        if (update !== null)
          rows = rows.map((row) => (equalBytes(row.keyId, update.keyId) ? { ...row, usage: update.usage } : row))
        promise(route !== 'updateKey' || update !== null || reply.result.length === 0, 'a receipt for an update that was refused')
        // A coordinator has no signer's keys but those it was given: nobody else can be convicted by anything it says.
        const fair = reply.culprits.every((id) => id === ATTACKER && bit(container, 3))
        promise(fair, `${reply.code} names ${reply.culprits.join()} on a coordinator's word`)
        const envelopes = reply.envelopes.map((e) => decodeEnvelope(e))
        promise(
          envelopes.every((e) => e?.sender === SELF),
          'an envelope of somebody else, or none',
        )
        if (route !== 'round' && reply.type === REPLY_TYPES.sent) last = envelopes[0]?.sessionId
        const share = route === 'round' && envelopes.some((e) => e?.receiver === ASSEMBLER && e.body.length > EMPTY_ANSWER)
        promise(!share || claims.length > 0, 'shares leave before their request ids are used up')
        for (const claim of claims) {
          const name = `${claim.credentialId} ${claim.requestId}`
          const before = ledger.get(name)
          promise(before === undefined || equalBytes(before, claim.requestHash), `two documents were answered for under ${name}`)
          ledger.set(name, claim.requestHash)
        }
        const { open, reserved } = actor.load
        promise(open <= MAX_STEPS && (open > 0 || reserved === 0), 'something is kept for sessions that are over')
        const type = Object.keys(REPLY_TYPES)[reply.type] ?? ''
        outcome = [route, type, reply.code, ...new Set(refusals)].filter(Boolean).join(' ')
      }
      actor.close()
      return outcome
    },
  }
}
