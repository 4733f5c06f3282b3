import type { PartyId } from './party.ts'

/**
 * What the operator should do about a failed session. `exclude`: the culprit is proven; keep it out of the next session. `ban`: as exclude, and
 * at once and for good, because another attempt would tell the culprit a secret bit (protocols.md 7.1); only a new pair set-up lifts it.
 */
export type Verdict = 'retry' | 'exclude' | 'investigate' | 'refuse' | 'ban'

/**
 * Every code a session can end with. Codes are append-only; the table in src/protocol/engine/README.md explains each.
 * The record is exhaustive on purpose: a new code forces the question "who has to do something?".
 */
export const VERDICTS = {
  // engine and channel
  MALFORMED: 'exclude',
  EQUIVOCATION: 'exclude',
  INCONSISTENT_BROADCAST: 'investigate',
  CHANNEL: 'exclude',
  TIMEOUT: 'retry',
  STOPPED: 'retry',
  WORKER_LOST: 'retry',
  OVERLOADED: 'retry',
  // set-up of a session
  SETUP_REFUSED: 'refuse',
  SESSION_REUSED: 'refuse',
  SETUP_STALE: 'retry',
  // distributed key generation
  DKG_MALFORMED: 'exclude',
  DKG_COMMIT: 'exclude',
  DKG_POP: 'exclude',
  DKG_SHARE: 'exclude',
  DKG_CHAIN: 'exclude',
  DKG_FALSE_COMPLAINT: 'exclude',
  DKG_KEY_ZERO: 'retry',
  DKG_SELF: 'investigate',
  DKG_CONF: 'exclude',
  DKG_CERT: 'exclude',
  // honest-majority ECDSA (H2) and its PRSS generations
  HM_PARAM: 'refuse',
  HM_TICKET: 'retry',
  HM_KID: 'retry',
  HM_POLICY: 'refuse',
  HM_R_MALFORMED: 'exclude',
  HM_R_OWN: 'investigate',
  HM_R_DEGREE: 'retry',
  HM_R_ZERO: 'retry',
  HM_STALE: 'retry',
  HM_VIEW: 'retry',
  HM_MU_ZERO: 'retry',
  HM_SIG_INVALID: 'retry',
  HM_SHARE_MALFORMED: 'exclude',
  PRSS_MISMATCH: 'retry',
  // FROST
  FROST_MALFORMED: 'exclude',
  FROST_OWN: 'investigate',
  FROST_VIEW: 'retry',
  FROST_SHARE: 'exclude',
  FROST_SIG_INVALID: 'investigate',
  // DKLs23
  OTE_CHECK: 'ban',
  RVOLE_CHECK: 'ban',
  EC_CHECK_U: 'ban',
  EC_CHECK_V: 'ban',
  SIGN_MALFORMED: 'exclude',
  SIGN_COMMIT: 'exclude',
  PK_UNEXPECTED: 'exclude',
  SETUP_MALFORMED: 'exclude',
  PK_SUM: 'investigate',
  SIG_INVALID: 'investigate',
  R_ZERO: 'retry',
  DKLS_VIEW: 'retry',
  PAIR_REHEARSAL: 'retry',
  PAIR_UNKNOWN: 'retry',
  DKLS_PARAM: 'refuse',
  DKLS_POLICY: 'refuse',
  PAIR_BANNED: 'refuse',
  ABORT: 'retry',
} as const satisfies Record<string, Verdict>

export type FaultCode = keyof typeof VERDICTS

/**
 * How a protocol run fails. Culprits mean proof: arithmetic on bytes that arrived authenticated, in a round whose view was
 * compared. Silence never makes a culprit. `detail` is for our own log; it never leaves the host and never holds a secret.
 */
export class Fault extends Error {
  readonly code: FaultCode
  readonly culprits: readonly PartyId[]
  readonly detail: string

  constructor(code: FaultCode, culprits: readonly PartyId[] = [], detail = '') {
    super(culprits.length > 0 ? `${code} (culprits: ${culprits.join(', ')})` : code)
    this.name = 'Fault'
    this.code = code
    this.culprits = [...new Set(culprits)].sort((a, b) => a - b)
    this.detail = detail
  }
}

/** A caller's mistake, found before any message of the session exists. Never blames a peer. */
export class SetupError extends Error {
  readonly code: FaultCode

  constructor(code: FaultCode, message: string) {
    super(message)
    this.name = 'SetupError'
    this.code = code
  }
}

/**
 * Runs a check on one sender's bytes: whatever goes wrong inside is that sender's fault.
 * Only pure checks of the sender's own bytes belong inside; a bug of ours thrown here would blame the peer.
 */
export function blame<T>(from: PartyId, code: FaultCode, check: () => T): T {
  try {
    return check()
  } catch (error) {
    if (error instanceof Fault) throw error
    throw new Fault(code, [from], error instanceof Error ? error.message : '')
  }
}
