import { rmSync } from 'node:fs'
import { pino } from 'pino'
import { ANSWER, encodeCommand } from '../../../src/actors/crypto-commands.ts'
import { createMetrics } from '../../../src/host/metrics.ts'
import type { CryptoClient } from '../../../src/host/signer/crypto-client.ts'
import { PairDesk } from '../../../src/host/signer/pair-desk.ts'
import { signerMetrics } from '../../../src/host/signer/signer-metrics.ts'
import { signerHandlers } from '../../../src/host/signer/signer-service.ts'
import { groupCommit } from '../../../src/host/store/group-commit.ts'
import { openSignerStore, type SignerStore } from '../../../src/host/store/signer-store.ts'
import { decodeEnvelope } from '../../../src/protocol/channel/envelope.ts'
import { memberOf } from '../../../src/protocol/channel/roster.ts'
import { equalBytes, toHex } from '../../../src/protocol/engine/bytes.ts'
import { ASSEMBLER } from '../../../src/protocol/engine/party.ts'
import * as frames from '../../../src/protocol/frames/signer-frames.ts'
import { CERTIFICATE, type Certificate } from '../../../src/protocol/keygen/certificate.ts'
import { requestHash } from '../../../src/protocol/request/authorize.ts'
import { encodeDocument, type KeyUpdateDocument, parseDocument } from '../../../src/protocol/request/document.ts'
import { receiptMessage } from '../../../src/protocol/request/key-update.ts'
import { UnreadableMessage } from '../../../src/transport/inbound.ts'
import { pack, unpack } from '../container.ts'
import { mended } from '../coordinator-moves.ts'
import { honestSessions, sharedKeys } from '../honest-steps.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { AUDIENCE, CREDENTIAL, keygenDocument, NOW, requested, startActor, storedKey, TRIO, updateFrame } from '../signer-trio.ts'
import { packStep, type Step, unpackStep } from '../steps.ts'
import { type FuzzTarget, promise } from '../target.ts'

const SELF = 1
const MAX_STEPS = 6
/** No answer without a share is as long: a digest and an empty list. */
const EMPTY_ANSWER = 48
const { ROUTES, REPLY, REPLY_TYPES } = frames

/** One list, as there is one key or none that has to be usable: of a batch, items of frozen keys are refused one by one. */
const keysIn = (frame: Uint8Array): readonly (readonly Uint8Array[])[] => [
  frames.OPEN_SIGNING.decode(frame).items.map(({ instance }) => instance.slice(0, 32)),
]

/** The session that an envelope with shares belongs to. */
function answeredSession(bytes: Uint8Array): string {
  const envelope = decodeEnvelope(bytes)
  return envelope?.receiver === ASSEMBLER && envelope.body.length > EMPTY_ANSWER ? toHex(envelope.sessionId) : ''
}

/** A receipt says that the update is on the disk. */
function assertStored(store: SignerStore, frame: Uint8Array, receipt: Uint8Array): void {
  const { document: bytes } = frames.UPDATE_KEY.decode(frame).request
  const document = parseDocument(bytes)
  promise(document.type === 'key-update.v1', 'a receipt for another document')
  const key = store.getKey(document.keyId)
  promise(
    key?.revision === document.revision && key.usage === document.state && key.label === document.label,
    'a receipt for what is not stored',
  )
  const signed = receiptMessage(requestHash(bytes))
  promise(TRIO.curves.ed25519Verify(receipt, signed, memberOf(TRIO.roster, SELF).signKey), 'a receipt that proves nothing')
}

/** Routes whose answer is a reply; the others have answers of their own. */
const ANSWERS = { status: frames.STATUS, certificate: frames.CERTIFICATE_REPLY, keys: frames.KEYS_REPLY } as const
const ownAnswer = (route: frames.Route): route is keyof typeof ANSWERS => Object.hasOwn(ANSWERS, route)

/**
 * A signer's main thread and its store before a malicious coordinator: what is stored has to be what was said. Each part is a step; every
 * input starts with a store of three active keys and one that waits for its certificate.
 */
export async function open(): Promise<FuzzTarget> {
  const { certificates, rows } = await sharedKeys()
  const own = rows.get(SELF) ?? []
  const folder = scratchFolder()
  const path = folder.at('signer.db')
  const all = [...certificates.values()]
  const pending = all.at(-1) as Certificate
  const metrics = signerMetrics(createMetrics({ role: 'signer', name: 'fuzz' }))
  const fill = (store: SignerStore): void =>
    store.database.transaction(() => {
      for (const certificate of all) {
        const row = own.find((r) => equalBytes(r.keyId, certificate.key.keyId))
        if (row === undefined) throw new Error('a key is missing')
        store.insertPending(storedKey(SELF, row, certificate))
        if (certificate !== pending) store.activate(row.keyId, CERTIFICATE.encode(certificate))
      }
    })
  return {
    maxLength: 1 << 16,
    dictionary: [CREDENTIAL.id, 'ed25519', ...own.map((row) => row.keyId)],
    seeds: async () => {
      const seeds = new Map<string, Uint8Array>()
      const step = (route: frames.Route, frame: Uint8Array): Uint8Array => packStep({ route, later: 0, frame })
      for (const [name, exchanges] of await honestSessions()) {
        const steps = exchanges.filter(({ to }) => to === SELF).map(({ route, frame }) => step(route, frame))
        if (name === 'sign-ecdsa-p256') continue // a store knows no difference to secp256k1
        seeds.set(name, pack(0, ...steps))
        seeds.set(`${name}-opened`, pack(0, ...steps.slice(0, 1)))
        seeds.set(`${name}-mended`, pack(7, ...steps, ...steps.slice(-1)))
      }
      for (const { route, frame } of (await honestSessions()).get('keygen') ?? []) {
        if (route !== 'openKeygen') continue
        const requestId = 'req_another-key'
        const request = requested(encodeDocument(keygenDocument('eddsa-ed25519', { requestId })))
        const another = frames.OPEN_KEYGEN.encode({ ...frames.OPEN_KEYGEN.decode(frame), requestId, request })
        seeds.set('another-key', pack(0, step(route, another)))
      }
      const none = new Uint8Array(0)
      const certify = (certificate: Uint8Array) =>
        step('certificate', frames.CERTIFICATE_REQUEST.encode({ keyId: pending.key.keyId, certificate }))
      for (const { key } of all) {
        const { scheme, keyId } = key
        if (scheme === 'ecdsa-p256') continue
        const update = (changes: Partial<KeyUpdateDocument>): Uint8Array => step('updateKey', updateFrame(scheme, keyId, changes))
        const again = { requestId: 'req_again', revision: 2 }
        const steps = unpack(seeds.get(`sign-${scheme}`) as Uint8Array).parts
        seeds.set(`frozen-${scheme}`, pack(0, update({}), update({})))
        seeds.set(`thawed-${scheme}`, pack(0, update({}), update({ ...again, state: 'active' }), update({})))
        seeds.set(`archived-${scheme}`, pack(0, update({ state: 'archived' }), update({ ...again, state: 'active' })))
        seeds.set(`frozen-in-session-${scheme}`, pack(0, ...steps.slice(0, -1), update({}), ...steps.slice(-1)))
      }
      seeds.set('status', pack(0, step('status', frames.STATUS_REQUEST.encode({ tickets: 4 }))))
      for (const route of ['status', 'keys', 'certificate'] as const)
        seeds.set(`unreadable-${route}`, pack(0, step(route, Uint8Array.of(1))))
      seeds.set('keys', pack(0, step('keys', frames.KEYS_REQUEST.encode({ after: none, limit: 256 }))))
      seeds.set('certificate-asked', pack(0, certify(none)))
      seeds.set('certificate-brought', pack(0, certify(CERTIFICATE.encode(pending)), certify(none)))
      seeds.set('certificate-of-another', pack(0, certify(CERTIFICATE.encode(all[0] as Certificate))))
      return seeds
    },
    reaches: [
      'updateKey done',
      'updateKey refused revision_conflict',
      'updateKey refused key_frozen',
      'updateKey refused key_not_found',
      'round failed KEY_FROZEN',
      'round done',
      'openKeygen sent',
      'status answered',
      'keys answered',
      'status unreadable',
      'keys unreadable',
      'certificate unreadable',
      'certificate answered',
      'certificate active',
    ],
    close: () => folder.remove(),
    run: async (input) => {
      const container = unpack(input)
      for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true })
      const store = openSignerStore(path)
      const actor = startActor(SELF)
      let now = NOW
      try {
        fill(store)
        const addresses = TRIO.roster.members.map(({ id, tlsFingerprint }) => ({
          index: id,
          name: `signer-${id}`,
          url: `https://signer-${id}`,
          tlsFingerprint: toHex(tlsFingerprint),
        }))
        const crypto: CryptoClient = {
          ask: async (kind, fields = {}) => ANSWER.decode(actor.call(encodeCommand(kind, now, fields))),
        }
        const shared = { crypto, now: () => now, log: pino({ level: 'silent' }), metrics }
        const commits = groupCommit(store.database)
        const pairs = new PairDesk({
          ...shared,
          self: SELF,
          roster: TRIO.roster,
          offered: true,
          pairs: store.pairs,
          commits,
        })
        const handlers = signerHandlers({
          ...shared,
          pairs,
          config: {
            index: SELF,
            roster: { roster: TRIO.roster, audience: AUDIENCE, signers: addresses },
            credentials: [CREDENTIAL],
            curve: 'native',
          },
          store,
          curves: TRIO.curves,
          version: '0',
          ready: () => true,
        })
        let last: Uint8Array | undefined
        const sessions = new Map<string, readonly (readonly Uint8Array[])[]>()
        let outcome = 'nothing'
        for (const part of container.parts.slice(0, MAX_STEPS)) {
          const step: Step = mended(unpackStep(part), container, own, last)
          now += step.later * 1000
          const answer = await handlers[ROUTES[step.route]]?.(step.frame).catch((error: unknown) => {
            if (error instanceof UnreadableMessage && ownAnswer(step.route)) return null
            throw error
          })
          if (answer === undefined) throw new Error(`no route ${step.route}`)
          if (answer === null) outcome = `${step.route} unreadable`
          else if (ownAnswer(step.route)) {
            ANSWERS[step.route].decode(answer)
            outcome = `${step.route} answered`
          } else {
            const reply = REPLY.decode(answer)
            const first = reply.envelopes[0]
            if (step.route !== 'round' && reply.type === REPLY_TYPES.sent) last = first?.slice(8, 40)
            if (step.route === 'updateKey' && reply.type === REPLY_TYPES.done) assertStored(store, step.frame, reply.result)
            if (step.route === 'openSigning' && reply.type === REPLY_TYPES.sent) {
              sessions.set(toHex(last as Uint8Array), keysIn(step.frame))
            }
            for (const keyIds of reply.envelopes.flatMap((e) => sessions.get(answeredSession(e)) ?? [])) {
              promise(
                keyIds.some((id) => store.getKey(id)?.usage === 'active'),
                'a share of a key that is frozen',
              )
            }
            outcome = [step.route, Object.keys(REPLY_TYPES)[reply.type], reply.code].filter(Boolean).join(' ')
          }
        }
        const stored = store.getKey(pending.key.keyId)
        const active = stored?.state === 'active'
        promise(
          !active || equalBytes(stored.certificate, CERTIFICATE.encode(pending)),
          'a key is active by bytes that are not its certificate',
        )
        return active ? 'certificate active' : outcome
      } finally {
        actor.close()
        store.database.close()
      }
    },
  }
}
