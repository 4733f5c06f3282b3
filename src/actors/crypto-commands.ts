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
  dropPairs: 8,
} as const
export type Command = keyof typeof COMMANDS

const MAX_COMMAND = MAX_FRAME + (8 << 20)
/** Seeds of both directions with what sealing adds. */
const MAX_SEALED_PAIR = 8 << 10
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

/** How it stands with one peer for DKLs23; the sealed part is opened in the worker. */
const pairRecordShape = struct({
  peer: uint(65535),
  state: uint(255),
  pairId: bytes({ max: 32 }),
  sealed: bytes({ max: MAX_SEALED_PAIR }),
})

export const COMMAND = message(
  {
    kind: uint(8),
    /** The host's clock, milliseconds since the Unix epoch: workers read no clock (style.md 4, rule 8). */
    now: uint(Number.MAX_SAFE_INTEGER),
    frame: bytes({ max: MAX_FRAME }),
    /** openSigning: per item the request hash that the ledger holds for its request id. */
    known: list(optional(bytes(32)), MAX_BATCH),
    /** openSigning, updateKey: the certified keys that the frame names, each once. */
    keys: list(keyRowShape, MAX_BATCH),
    /** status: how many fresh tickets to issue. */
    tickets: uint(MAX_TICKETS),
    /** openSigning of dkls23: the peers of the session. dropPairs: set-ups that are given up. */
    pairs: list(pairRecordShape, MAX_PARTIES),
    /** round: 1 when the session is written down as being checked. */
    marked: uint(1),
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
  credentialId: text(80),
  tenant: text(128),
  requestId: text(80),
  requestHash: bytes(32),
  label: optional(text(64)),
  publicPackage: bytes({ max: 16 << 10 }),
  sealedShare: bytes({ max: 1024 }),
  ownSignature: bytes(64),
})

const judgedShape = struct({ peer: uint(65535), code: text(40), evidence: bytes(32) })

export const ANSWER = message(
  {
    /** For the coordinator; `status` leaves it empty. */
    reply: replyShape,
    claims: list(claimShape, MAX_BATCH),
    pending: optional(pendingShape),
    update: optional(updateShape),
    activate: optional(struct({ keyId: bytes(32), certificate: bytes({ max: 64 << 10 }) })),
    /** A session whose peers' messages will be checked: to be marked before each round is asked for. `items` multiply with every peer. */
    checked: optional(
      struct({
        sessionId: bytes(32),
        items: uint(MAX_BATCH),
        peers: list(struct({ peer: uint(65535), pairId: bytes(32) }), MAX_PARTIES),
      }),
    ),
    /** A set-up to store in place of the one before, before this signer says that it is done. */
    setup: optional(struct({ peer: uint(65535), pairId: bytes(32), sealed: bytes({ max: MAX_SEALED_PAIR }) })),
    /** A stored set-up that does not open, on account of which a session was refused. */
    unopened: optional(struct({ peer: uint(65535), pairId: bytes(32) })),
    /** What a failed session shows of its peers: to be stored before any byte leaves. */
    judgement: optional(
      struct({ sessionId: bytes(32), bans: list(judgedShape, MAX_PARTIES), strikes: list(judgedShape, MAX_PARTIES) }),
    ),
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

/** A command with what it does not name empty. */
export const encodeCommand = (
  kind: Command,
  now: number,
  fields: Partial<Omit<CommandMessage, 'kind' | 'now'>> = {},
): Uint8Array =>
  COMMAND.encode({
    kind: COMMANDS[kind],
    now,
    frame: new Uint8Array(0),
    known: [],
    keys: [],
    tickets: 0,
    pairs: [],
    marked: 0,
    ...fields,
  })

export type CommandMessage = ReturnType<typeof COMMAND.decode>
export type Answer = ReturnType<typeof ANSWER.decode>
export type { Reply }

export const emptyAnswer = (): Answer => ({
  reply: { type: REPLY_TYPES.done, code: '', culprits: [], envelopes: [], tickets: [], exhibits: [], result: new Uint8Array(0) },
  claims: [],
  pending: null,
  update: null,
  activate: null,
  checked: null,
  setup: null,
  unopened: null,
  judgement: null,
  detail: '',
  refusals: [],
  sessions: 0,
  generations: [],
  tickets: [],
  bootNonce: new Uint8Array(32),
})
