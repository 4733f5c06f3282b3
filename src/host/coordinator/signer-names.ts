import type { PartyId } from '../../protocol/engine/party.ts'
import type { SignerAddress } from '../config/roster-file.ts'

/** Signers in answers go by their configured names, never by positions that mean something else elsewhere (attacks.md U-04). */
export interface SignerNames {
  readonly of: (ids: readonly PartyId[]) => string[]
}

export const signerNames = (signers: readonly SignerAddress[]): SignerNames => {
  const names = new Map(signers.map((s) => [s.index, s.name]))
  return { of: (ids) => ids.map((id) => names.get(id) ?? `signer ${id}`) }
}
