import { bytes, list, message, optional, struct, text, uint } from '../protocol/engine/codec.ts'
import { MAX_PARTIES } from '../protocol/engine/party.ts'
import { MAX_FRAME, MAX_TICKETS, REPLY_TYPES, type Reply, replyShape, TICKET } from '../protocol/frames/signer-frames.ts'
import { MAX_REVISION } from '../protocol/request/document.ts'
import { MAX_BATCH } from '../protocol/signing/batch.ts'

/**
 * What a signer's main thread asks of its crypto worker: bytes in, bytes out, one message per batch and round. The main thread
 * owns the store and the network, the worker every secret; frames of the coordinator go through undecoded.
 */
export const COMMANDS = {
  openSigning: 0,
  openKeygen: 1,
  openPrss: 2,
  round: 3,
  abort: 4,
  status: 5,
  updateKey: 6,
  openPair: 7,
} as const
export type Command = keyof typeof COMMANDS

const MAX_COMMAND = MAX_FRAME + (8 << 20)
/** UTF-16 units of an answer's `detail`. */
export const MAX_DETAIL = 400

/** A stored ACTIVE key as the worker needs it; sealed parts are opened there. */
export const keyRowShape = struct({
  keyId: bytes(32),
  credentialId: text(80),
  tenant: text(128),
  publicPackage: bytes({ max: 16 << 10 }),
  sealedShare: bytes({ max: 1024 }),
  /** `active`, `frozen` or `archived`. */
  usage: text(16),
})

export const COMMAND = message(
  {
    kind: uint(7),
    /** The host's clock, milliseconds since the Unix epoch: workers read no clock (style.md 4, rule 8). */
    now: uint(Number.MAX_SAFE_INTEGER),
    frame: bytes({ max: MAX_FRAME }),
    /** openSigning: per item the request hash that the ledger holds for its request id. */
    known: list(optional(bytes(32)), MAX_BATCH),
    /** openSigning, updateKey: the certified keys that the frame names, each once. */
    keys: list(keyRowShape, MAX_BATCH),
    /** status: how many fresh tickets to issue. */
    tickets: uint(MAX_TICKETS),
  },
  MAX_COMMAND,
)

/** A request id that this signer uses up with its answer: written durably before the answer leaves (decisions.md 9). */
const CLAIM = {
  keyId: bytes(32),
  credentialId: text(80),
  tenant: text(128),
  requestId: text(80),
  requestHash: bytes(32),
  expiresAt: uint(Number.MAX_SAFE_INTEGER),
} as const
export const claimShape = struct(CLAIM)

/** A key update to be stored before this signer's receipt for it leaves. */
const updateShape = struct({ ...CLAIM, revision: uint(MAX_REVISION), usage: text(16), label: optional(text(64)) })

/** A key to store as PENDING before this signer's certificate signature leaves (decisions.md 3). */
export const pendingShape = struct({
  keyId: bytes(32),
  scheme: text(32),
  epoch: uint(2 ** 32 - 1),
  threshold: uint(MAX_PARTIES),
  parties: uint(MAX_PARTIES),
  credentialId: text(80),
  tenant: text(128),
  requestId: text(80),
  requestHash: bytes(32),
  label: optional(text(64)),
  publicPackage: bytes({ max: 16 << 10 }),
  sealedShare: bytes({ max: 1024 }),
  ownSignature: bytes(64),
})

export const ANSWER = message(
  {
    /** For the coordinator; `status` leaves it empty. */
    reply: replyShape,
    claims: list(claimShape, MAX_BATCH),
    pending: optional(pendingShape),
    update: optional(updateShape),
    activate: optional(struct({ keyId: bytes(32), certificate: bytes({ max: 64 << 10 }) })),
    /** For our own log and metrics only: what went wrong in words, items refused, sessions open. */
    detail: text(MAX_DETAIL),
    refusals: list(text(40), MAX_BATCH),
    sessions: uint(100_000),
    generations: list(
      struct({ threshold: uint(MAX_PARTIES), signers: list(uint(65535), MAX_PARTIES), kids: list(bytes(32), 20) }),
      16,
    ),
    tickets: list(bytes(TICKET), MAX_TICKETS),
    bootNonce: bytes(32),
  },
  MAX_COMMAND,
)

export type CommandMessage = ReturnType<typeof COMMAND.decode>
export type Answer = ReturnType<typeof ANSWER.decode>
export type { Reply }

export const emptyAnswer = (): Answer => ({
  reply: { type: REPLY_TYPES.done, code: '', culprits: [], envelopes: [], tickets: [], exhibits: [], result: new Uint8Array(0) },
  claims: [],
  pending: null,
  update: null,
  activate: null,
  detail: '',
  refusals: [],
  sessions: 0,
  generations: [],
  tickets: [],
  bootNonce: new Uint8Array(32),
})
