import { concat, equalBytes, idList, u8, u16, u32 } from '../engine/bytes.ts'
import { SetupError } from '../engine/fault.ts'
import { assertParties, assertThreshold, type PartyId } from '../engine/party.ts'
import { TAGS } from '../engine/tags.ts'
import { TH } from '../engine/transcript.ts'
import type { Roster } from './roster.ts'

/** Numbers on the wire; append-only. */
export const PROTOCOLS = { dkg: 1, prss: 2, hm: 3, frost: 4, dkls23: 5, pair: 6 } as const
export type ProtocolName = keyof typeof PROTOCOLS

export const SUITES = {
  none: 0,
  'ecdsa-secp256k1': 1,
  'ecdsa-p256': 2,
  'schnorr-secp256k1': 3,
  'eddsa-ed25519': 4,
} as const
export type Suite = keyof typeof SUITES

/** What all signers of a session agree on before the first message (protocols.md 2.3). */
export interface Setup {
  readonly protocol: ProtocolName
  readonly suite: Suite
  /** 32 bytes; zero for batches and for key generation (decisions.md 5). */
  readonly keyId: Uint8Array
  readonly epoch: number
  readonly rosterHash: Uint8Array
  readonly threshold: number
  readonly signers: readonly PartyId[]
  /**
   * 32 bytes for each of `signers`, in their order: the boot nonce under which the coordinator last saw it. A signer that has restarted
   * has forgotten which sessions it was in; led into one of them again it would sign a second broadcast of a round, and honest peers
   * would have proof of an equivocation that was none.
   */
  readonly boots: readonly Uint8Array[]
  /** For signing the instance list, which every signer derives itself; see request/instance.ts. */
  readonly purpose: Uint8Array
  /** Milliseconds since the Unix epoch after which a host refuses to go on with the session. */
  readonly deadline: number
  /** 32 random bytes of the coordinator. */
  readonly coordinatorNonce: Uint8Array
}

export const BOOT_NONCE = 32

const u64 = (value: number): Uint8Array => concat(u32(Math.floor(value / 2 ** 32)), u32(value % 2 ** 32))

/** session_id = TH(session, setup), 32 bytes. */
export function sessionId(setup: Setup): Uint8Array {
  return TH(
    TAGS.session,
    u8(PROTOCOLS[setup.protocol]),
    u16(SUITES[setup.suite]),
    setup.keyId,
    u32(setup.epoch),
    setup.rosterHash,
    u16(setup.threshold),
    idList(setup.signers),
    concat(...setup.boots),
    setup.purpose,
    u64(setup.deadline),
    setup.coordinatorNonce,
  )
}

/**
 * The checks every signer makes before it takes part.
 * @throws SetupError SETUP_REFUSED
 */
export function assertSetup(setup: Setup, self: PartyId, roster: Roster): void {
  const refuse = (why: string): never => {
    throw new SetupError('SETUP_REFUSED', why)
  }
  if (!Object.hasOwn(PROTOCOLS, setup.protocol) || !Object.hasOwn(SUITES, setup.suite)) refuse('unknown protocol or suite')
  if (setup.keyId.length !== 32 || setup.coordinatorNonce.length !== 32) refuse('field of a wrong length')
  if (setup.boots.length !== setup.signers.length || setup.boots.some((b) => b.length !== BOOT_NONCE)) {
    refuse('not one boot nonce for each signer')
  }
  if (!Number.isInteger(setup.epoch) || setup.epoch < 0 || setup.epoch >= 2 ** 32) refuse('epoch is no u32')
  if (!Number.isSafeInteger(setup.deadline) || setup.deadline < 0) refuse('no deadline')
  if (!equalBytes(setup.rosterHash, roster.hash)) refuse('another roster')
  try {
    assertParties(setup.signers)
    assertThreshold(setup.threshold, roster.members.length)
  } catch (error) {
    refuse(error instanceof Error ? error.message : 'bad signer list')
  }
  if (!setup.signers.includes(self)) refuse('this signer is not in the list')
  const known = new Set(roster.members.map((m) => m.id))
  if (setup.signers.some((id) => !known.has(id))) refuse('unknown signer in the list')
}
