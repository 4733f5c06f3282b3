import { ASSEMBLE, ASSEMBLED } from '../../src/actors/assembler-commands.ts'
import { COMMAND, COMMANDS, ANSWER as CRYPTO_ANSWER, emptyAnswer } from '../../src/actors/crypto-commands.ts'
import * as frames from '../../src/protocol/frames/signer-frames.ts'
import { ANSWER as FROST_ANSWER } from '../../src/protocol/frost/sign.ts'
import { ANSWER as HM_ANSWER } from '../../src/protocol/hm/sign.ts'
import { CERTIFICATE, type Certificate } from '../../src/protocol/keygen/certificate.ts'
import { KEY_SECRET, PUBLIC_PACKAGE } from '../../src/protocol/keygen/key-record.ts'
import { COMMIT, SHARE } from '../../src/protocol/keygen/messages.ts'
import { seededRng } from '../simulator/seeded-rng.ts'
import { broadcastIn, directTo, honestExchanges } from './bodies.ts'
import { dkgPlan } from './dkg-world.ts'
import { honestSessions, sharedKeys } from './honest-steps.ts'
import { NOW, updateFrame } from './signer-trio.ts'

/** At least one frame of every codec: what the set really said where it says it here, else made of values. */
export async function frameSeeds(): Promise<ReadonlyMap<string, Uint8Array>> {
  const rng = seededRng('fuzz/frames')
  const { certificates, rows } = await sharedKeys()
  const certificate = certificates.get('ecdsa-secp256k1') as Certificate
  const row = rows.get(1)?.[0]
  if (row === undefined) throw new Error('signer 1 holds no key')
  const none = new Uint8Array(0)
  const seeds = new Map<string, Uint8Array>()
  for (const [name, exchanges] of await honestSessions()) {
    exchanges
      .filter(({ to }) => to === 1)
      .forEach(({ route, frame, reply }, i) => {
        seeds.set(`${name}-${i}-${route}`, frame)
        seeds.set(`${name}-${i}-reply`, reply)
      })
  }
  const [commit, reveal, verdict] = honestExchanges(dkgPlan('ecdsa-secp256k1'))
  const { keyId } = certificate.key
  const encoded = CERTIFICATE.encode(certificate)
  const publicPackage = PUBLIC_PACKAGE.encode(certificate.key)
  const generations = [{ threshold: 2, signers: [1, 2, 3], kids: [rng(32), rng(32), rng(32)] }]
  const body = { signature: rng(64), recovery: 1, code: '', culprits: [], refusals: [] }
  const outcomes = [
    { type: 0, ...body },
    { type: 1, ...body, signature: none, refusals: [{ by: 3, why: 'policy_denied' }] },
    { type: 2, ...body, signature: none, code: 'FROST_SHARE', culprits: [3] },
  ]
  const item = { instance: rng(229), input: rng(32), publicKey: rng(33), verifyingShares: [rng(33), rng(33)] }
  const bodies = { openings: [rng(80), rng(80)], answers: [rng(110), rng(110)] }
  const made: Readonly<Record<string, Uint8Array>> = {
    STATUS_REQUEST: frames.STATUS_REQUEST.encode({ tickets: 64 }),
    STATUS: frames.STATUS.encode({
      version: '0.1.0',
      index: 1,
      rosterHash: rng(32),
      bootNonce: rng(32),
      curve: 'native',
      ready: 1,
      generations,
      tickets: [rng(16)],
      pending: [rng(32)],
    }),
    ABORT: frames.ABORT.encode({ sessionId: rng(32) }),
    CERTIFICATE_REQUEST: frames.CERTIFICATE_REQUEST.encode({ keyId, certificate: encoded }),
    CERTIFICATE_REPLY: frames.CERTIFICATE_REPLY.encode({
      state: frames.KEY_STATES.active,
      publicPackage,
      ownSignature: certificate.signatures[0] as Uint8Array,
      certificate: encoded,
      credentialId: 'cred_alice',
      requestId: 'req_1',
      requestHash: rng(32),
      label: 'Treasury',
      usage: 'frozen',
      revision: 7,
      createdAt: NOW,
    }),
    UPDATE_KEY: updateFrame('ecdsa-secp256k1', keyId),
    KEYS_REQUEST: frames.KEYS_REQUEST.encode({ after: none, limit: 256 }),
    KEYS_REPLY: frames.KEYS_REPLY.encode({ keyIds: [rng(32), rng(32)] }),
    COMMAND: COMMAND.encode({
      kind: COMMANDS.status,
      now: NOW,
      frame: none,
      known: [null, rng(32)],
      keys: [{ ...row, sealedShare: rng(92) }],
      tickets: 1,
    }),
    CRYPTO_ANSWER: CRYPTO_ANSWER.encode({ ...emptyAnswer(), generations, tickets: [rng(16)], refusals: ['policy_denied'] }),
    ASSEMBLE: ASSEMBLE.encode({
      engine: 'frost',
      scheme: 'schnorr-secp256k1',
      sessionId: rng(32),
      threshold: 2,
      signers: [1, 3],
      kids: [rng(32)],
      tickets: [rng(16)],
      items: [item],
      ...bodies,
    }),
    ASSEMBLED: ASSEMBLED.encode({ code: '', culprits: [], outcomes }),
    CERTIFICATE: encoded,
    PUBLIC_PACKAGE: publicPackage,
    KEY_SECRET: KEY_SECRET.encode({ share: rng(32), chain: rng(32) }),
    HM_ANSWER: HM_ANSWER.encode({ bind: rng(32), shares: rng(64) }),
    FROST_ANSWER: FROST_ANSWER.encode({ view: rng(32), shares: rng(32) }),
    COMMIT: COMMIT.encode({ commitment: rng(32) }),
    SHARE: SHARE.encode({ share: rng(32), chainPart: rng(32) }),
    'dkg-commit': broadcastIn(commit),
    'dkg-share': directTo(reveal, 1),
    REVEAL: broadcastIn(reveal),
    VERDICT: broadcastIn(verdict),
  }
  for (const [name, bytes] of Object.entries(made)) seeds.set(name.toLowerCase().replaceAll('_', '-'), bytes)
  return seeds
}
