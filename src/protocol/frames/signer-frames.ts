import { MAX_BODY } from '../channel/envelope.ts'
import { bytes, codec, list, message, optional, struct, text, uint } from '../engine/codec.ts'
import { VERDICTS } from '../engine/fault.ts'
import { MAX_PARTIES } from '../engine/party.ts'
import { MAX_REVISION } from '../request/document.ts'
import { MAX_BATCH } from '../signing/batch.ts'
import { REFUSALS } from '../signing/refusal.ts'
import { setupShape } from './setup-frame.ts'

/**
 * What the coordinator asks of a signer, one frame per signer and round for a whole batch. Nothing in a frame is trusted: each
 * field is either checked against the user's signed document or is the coordinator's own business (who, when, which session).
 */
export const MAX_FRAME = 24 << 20
const MAX_DOCUMENT = 160 << 10
/** Base64 and quoting of a 64 KiB message leave an instance far below this. */
const MAX_INSTANCE = 512
/** A longest body with its header and signature. */
const MAX_ENVELOPE = MAX_BODY + 1024
/** Broadcast and direct envelope of every peer. */
const MAX_ENVELOPES = 2 * MAX_PARTIES

export const TICKET = 16
export const MAX_TICKETS = 256
const MAX_KIDS = 20
/** Unordered pairs of a session's signers. */
const MAX_PAIRS = (MAX_PARTIES * (MAX_PARTIES - 1)) / 2

/** The user's document and authorization, byte for byte as the client signed them. */
export const requestShape = struct({
  document: bytes({ max: MAX_DOCUMENT }),
  credentialId: text(80),
  alg: text(16),
  signature: bytes({ max: 96 }),
})

/** One item of a signing batch. `instance` and `requestId` are claims; the signer derives both from the document and compares. */
export const signingItemShape = struct({ instance: bytes({ max: MAX_INSTANCE }), requestId: text(80), request: requestShape })

export const OPEN_SIGNING = message(
  {
    setup: setupShape,
    /** hm: digest of the generation's kids; else empty. */
    generation: bytes({ max: 32 }),
    /** hm: one ticket per signer in signer order; else empty. */
    tickets: list(bytes(TICKET), MAX_PARTIES),
    /** dkls23: the set-up of every two of the signers, in the order of (smaller id, larger id); else empty. */
    pairs: list(bytes(32), MAX_PAIRS),
    items: list(signingItemShape, MAX_BATCH),
  },
  MAX_FRAME,
)

export const OPEN_KEYGEN = message({ setup: setupShape, requestId: text(80), request: requestShape }, MAX_FRAME)

/** A user's key update, for every signer; `keyId` and `requestId` are claims. The answer's `result` is the signer's receipt. */
export const UPDATE_KEY = message({ keyId: bytes(32), requestId: text(80), request: requestShape }, MAX_DOCUMENT + 1024)

export const OPEN_PRSS = message({ setup: setupShape }, 4096)

/** A new set-up of exactly two signers for DKLs23. The last answer's `result` is its pair id, and the signer has stored the set-up by then. */
export const OPEN_PAIR = message({ setup: setupShape }, 4096)

export const ROUND = message(
  { sessionId: bytes(32), round: uint(255), envelopes: list(bytes({ max: MAX_ENVELOPE }), MAX_ENVELOPES) },
  MAX_FRAME,
)

/** The session that a ROUND frame is about, from where it stands in every canonical one; null for other bytes. A frame has megabytes. */
export const sessionOfRound = (frame: Uint8Array): Uint8Array | null =>
  frame.length > 35 && frame[0] === 0x93 && frame[1] === 0xc4 && frame[2] === 0x20 ? Uint8Array.from(frame.subarray(3, 35)) : null

export const ABORT = message({ sessionId: bytes(32) }, 64)

/** 0: envelopes follow, more to come; 1: done; 2: the session failed; 3: refused before it began. */
export const REPLY_TYPES = { sent: 0, done: 1, failed: 2, refused: 3 } as const

export const replyShape = struct({
  type: uint(3),
  /** A FaultCode for `failed` and `refused`, else empty. Detail stays in the signer's log. */
  code: text(40),
  culprits: list(uint(65535), MAX_PARTIES),
  envelopes: list(bytes({ max: MAX_ENVELOPE }), MAX_ENVELOPES),
  /** Fresh hm tickets for later sessions. */
  tickets: list(bytes(TICKET), MAX_TICKETS),
  /** Signed broadcasts that settle a disagreement about views. */
  exhibits: list(bytes({ max: MAX_ENVELOPE }), MAX_PARTIES),
  /** `done` of a key generation: the certificate; of a key update: the receipt. `refused` because the request has a key already: its key id. */
  result: bytes({ max: 64 << 10 }),
})
/** A signer's messages of a DKLs23 round are 2.7 MB together; a complaint with its evidence and the exhibits of a failure a megabyte each. */
export const MAX_REPLY = 4 << 20
export const REPLY = codec(replyShape, MAX_REPLY)
export type Reply = ReturnType<typeof REPLY.decode>

/** What hosts say beside fault codes and refusals; append-only. */
const HOST_CODES = ['CLOCK', 'KEY_EXISTS', 'REQUEST_REPLAYED', 'KEY_FROZEN', 'revision_conflict', 'BURNT']
const REPLY_CODES: ReadonlySet<string> = new Set(['', ...Object.keys(VERDICTS), ...Object.keys(REFUSALS), ...HOST_CODES])

/** A reply's code if it is one of ours, else `UNKNOWN`: it ends up in logs, metric labels and answers, and is a peer's text. */
export const knownCode = (code: string): string => (REPLY_CODES.has(code) ? code : 'UNKNOWN')

/**
 * How a signer stands with one peer for DKLs23. A new set-up makes `ok` of each of them but `banned`, which only this signer's operator
 * lifts. `burnt`: this signer stopped during a check and threw its seeds away; `exhausted`: so many signatures that it refuses more.
 */
export const PAIR_STATES = { none: 0, ok: 1, banned: 2, burnt: 3, exhausted: 4 } as const

const pairStatusShape = struct({
  peer: uint(65535),
  state: uint(Object.keys(PAIR_STATES).length - 1),
  /** `ok` and `exhausted`: 32 bytes, which name the set-up; else empty. */
  pairId: bytes({ max: 32 }),
  /** Made with this set-up. From 2^20 on it should be made anew (decisions.md 6). */
  signatures: uint(2 ** 32 - 1),
  /** `banned`: the fault that did it (`ABORT` for all checks on secrets), or `BURNT` for crashes during checks; else empty. */
  code: text(40),
})

export const STATUS_REQUEST = message({ tickets: uint(MAX_TICKETS) }, 16)

export const STATUS = message(
  {
    version: text(40),
    index: uint(65535),
    rosterHash: bytes(32),
    /** Random per process start: tells a restarted signer from one that was merely unreachable. */
    bootNonce: bytes(32),
    curve: text(16),
    ready: uint(1),
    generations: list(
      struct({ threshold: uint(MAX_PARTIES), signers: list(uint(65535), MAX_PARTIES), kids: list(bytes(32), MAX_KIDS) }),
      16,
    ),
    tickets: list(bytes(TICKET), MAX_TICKETS),
    /** Keys whose certificate this signer lacks (decisions.md 3), at most some; asked for again once they are settled. */
    pending: list(bytes(32), 64),
    /** Every other signer of the roster, ascending; empty when this signer does not offer DKLs23. */
    pairs: list(pairStatusShape, MAX_PARTIES),
  },
  64 << 10,
)

/** Completes or asks about one key: with `certificate`, the signer checks it and marks the key active. */
export const CERTIFICATE_REQUEST = message({ keyId: bytes(32), certificate: bytes({ max: 64 << 10 }) }, 80 << 10)

/** What this signer holds of a key: nothing, its own signature (pending), or the certificate (active). */
export const CERTIFICATE_REPLY = message(
  {
    state: uint(2),
    publicPackage: bytes({ max: 16 << 10 }),
    ownSignature: bytes({ max: 64 }),
    certificate: bytes({ max: 64 << 10 }),
    credentialId: text(80),
    requestId: text(80),
    /** Of the document; with `credentialId` it gives what the certificate names, so neither has to be believed. */
    requestHash: bytes({ max: 32 }),
    label: optional(text(64)),
    /** What the newest key update made of the key; `active` and 0 before the first. */
    usage: text(16),
    revision: uint(MAX_REVISION),
    createdAt: uint(Number.MAX_SAFE_INTEGER),
  },
  128 << 10,
)
export const KEY_STATES = { unknown: 0, pending: 1, active: 2 } as const

export const KEYS_REQUEST = message({ after: bytes({ max: 32 }), limit: uint(256) }, 64)
export const KEYS_REPLY = message({ keyIds: list(bytes(32), 256) }, 16 << 10)

/**
 * Named by every route, so that hosts of different versions refuse each other by name instead of misreading each other (attacks.md T-20).
 * Another number whenever anything changes that hosts say to each other; releases that share it work together.
 */
export const FRAMES_VERSION = 2
const at = <P extends string>(path: P) => `/signer/v${FRAMES_VERSION}/${path}` as const

/** Paths of the signer's routes. */
export const ROUTES = {
  status: at('status'),
  openSigning: at('sign'),
  openKeygen: at('keygen'),
  openPrss: at('prss'),
  updateKey: at('update'),
  round: at('round'),
  abort: at('abort'),
  certificate: at('certificate'),
  keys: at('keys'),
  openPair: at('pair'),
} as const
export type Route = keyof typeof ROUTES
