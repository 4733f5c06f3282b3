import type { CryptoActorOptions } from '../../actors/crypto-actor.ts'
import type { PartyId } from '../../protocol/engine/party.ts'
import { openRecord, type SealedPlace, sealRecord } from './sealing.ts'

/** How one signer's shares and pair set-ups are sealed for its store. *secret* `dataKey`, which has to live as long as these. */
export function recordSeals(
  dataKey: Uint8Array,
  party: PartyId,
): Pick<CryptoActorOptions, 'seal' | 'unseal' | 'sealPair' | 'unsealPair'> {
  const ofKey = (keyId: Uint8Array, epoch: number): SealedPlace => ({ table: 'keys', keyId, party, epoch })
  // The id of a set-up is a hash over the roster; it has no epoch of its own.
  const ofPair = (pairId: Uint8Array, peer: PartyId): SealedPlace => ({ table: `pairs/${peer}`, keyId: pairId, party, epoch: 0 })
  return {
    seal: (plain, keyId, epoch) => sealRecord(dataKey, ofKey(keyId, epoch), plain),
    unseal: (sealed, keyId, epoch) => openRecord(dataKey, ofKey(keyId, epoch), sealed),
    sealPair: (plain, pairId, peer) => sealRecord(dataKey, ofPair(pairId, peer), plain),
    unsealPair: (sealed, pairId, peer) => openRecord(dataKey, ofPair(pairId, peer), sealed),
  }
}
