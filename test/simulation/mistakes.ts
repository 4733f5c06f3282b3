import { ASSEMBLED } from '../../src/actors/assembler-commands.ts'
import type { CoordinatorStore } from '../../src/host/store/coordinator-store.ts'
import type { SignerStore } from '../../src/host/store/signer-store.ts'

/** Where a mistake can be planted without changing the set itself. */
export interface Mistake {
  readonly signerStore?: (store: SignerStore) => SignerStore
  readonly coordinatorStore?: (store: CoordinatorStore) => CoordinatorStore
  readonly assembled?: (outcome: Uint8Array) => Uint8Array
}

/** Mistakes that such a set could have. A simulation that finds none of them proves nothing. */
export const MISTAKES = {
  'shares leave without a claim in the ledger': {
    signerStore: (store) => ({ ...store, claim: (rows) => rows.map(() => 'new' as const) }),
  },
  'a signer says it stored its share, and did not': {
    signerStore: (store) => ({ ...store, insertPending: () => 'stored' as const }),
  },
  'a certificate is let out before it is stored': {
    signerStore: (store) => ({ ...store, activate: () => 'activated' as const }),
  },
  'a request is answered anew': {
    coordinatorStore: (store) => ({
      ...store,
      signatureByRequest: () => undefined,
      putSignatures: (rows) => rows.map(() => ({ type: 'new' as const })),
    }),
  },
  'a key is answered before all signers have it': {
    coordinatorStore: (store) => {
      const active = <Row extends { readonly state: string }>(row: Row | undefined) => row && { ...row, state: 'active' as const }
      return { ...store, getKey: (keyId) => active(store.getKey(keyId)) }
    },
  },
  'a signature is not verified': {
    assembled: (outcome) => {
      const { outcomes, ...rest } = ASSEMBLED.decode(outcome)
      const wrong = outcomes.map((o) => ({ ...o, signature: o.signature.map((byte, i) => (i === 40 ? byte ^ 1 : byte)) }))
      return ASSEMBLED.encode({ ...rest, outcomes: wrong })
    },
  },
} as const satisfies Record<string, Mistake>
