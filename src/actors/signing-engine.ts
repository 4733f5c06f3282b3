import { SUITES, type Suite } from '../protocol/channel/setup.ts'
import type { PairSecret } from '../protocol/dkls23/pair-record.ts'
import { sign as dklsSign } from '../protocol/dkls23/sign.ts'
import { SetupError } from '../protocol/engine/fault.ts'
import type { PartyId } from '../protocol/engine/party.ts'
import type { Env } from '../protocol/engine/round.ts'
import type { SetupFields } from '../protocol/frames/setup-frame.ts'
import { sign as frostSign } from '../protocol/frost/sign.ts'
import { FROST_BIP340, FROST_ED25519, type FrostSuite } from '../protocol/frost/suite.ts'
import { sign as hmSign } from '../protocol/hm/sign.ts'
import type { Generation } from '../protocol/prss/generation.ts'
import type { SignerItem, SigningScript } from '../protocol/signing/batch.ts'

/**
 * ECDSA is missing although its keys live on the curve of BIP-340: here a user's ECDSA request would turn into a Schnorr signature,
 * made by t signers and past an operator who switched the ECDSA engines off.
 */
const FROST_SUITES: Readonly<Partial<Record<Suite, FrostSuite>>> = {
  'schnorr-secp256k1': FROST_BIP340,
  'eddsa-ed25519': FROST_ED25519,
}

/**
 * The script of a signing session: its scheme's own engine and no other.
 * @param generation of an hm session, already checked against the set-up; else undefined.
 * @param pairs of a DKLs23 session: this signer's set-up with each peer, already compared with those that the session names; else undefined.
 * @throws SetupError SETUP_REFUSED; DKLS_POLICY when this signer has no set-ups to offer.
 */
export function signingEngine(
  setup: SetupFields,
  generation: Generation | undefined,
  tickets: readonly Uint8Array[],
  pairs?: ReadonlyMap<PartyId, PairSecret>,
): (env: Env, items: readonly SignerItem[]) => SigningScript {
  const suite = SUITES[setup.suite]
  if (generation !== undefined) return (env, items) => hmSign(env, { suite, generation, tickets, items })
  if (setup.protocol === 'dkls23') {
    if (pairs === undefined) throw new SetupError('DKLS_POLICY', 'this signer does not offer DKLs23')
    return (env, items) => dklsSign(env, { suite, pairs, items })
  }
  const frost = setup.protocol === 'frost' ? FROST_SUITES[setup.suite] : undefined
  if (frost === undefined) throw new SetupError('SETUP_REFUSED', 'this engine does not sign this scheme')
  return (env, items) => frostSign(env, { suite: frost, suiteNumber: suite, items })
}
