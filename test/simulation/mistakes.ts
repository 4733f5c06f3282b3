import { ASSEMBLED } from '../../src/actors/assembler-commands.ts'
import type { CoordinatorStore } from '../../src/host/store/coordinator-store.ts'
import type { SignerStore } from '../../src/host/store/signer-store.ts'
import type { Plan } from './plan.ts'

/** Where a mistake can be planted without changing the set itself. */
export interface Mistake {
  readonly signerStore?: (store: SignerStore) => SignerStore
  readonly coordinatorStore?: (store: CoordinatorStore) => CoordinatorStore
  readonly assembled?: (outcome: Uint8Array) => Uint8Array
}

interface Planted {
  readonly mistake: Mistake
  /** Where the seeds' own faults seldom show it. */
  readonly plan?: Partial<Plan>
  /** What the simulation says of it. */
  readonly found: RegExp
}

/** Mistakes that such a set could have. A simulation that does not find them proves nothing. */
export const MISTAKES: Readonly<Record<string, Planted>> = {
  'shares leave without a claim in the ledger': {
    mistake: { signerStore: (store) => ({ ...store, claim: (rows) => rows.map(() => 'new' as const) }) },
    found: /a share of .* before its claim was stored/,
  },
  'a signer says it stored its share, and did not': {
    mistake: { signerStore: (store) => ({ ...store, insertPending: () => 'stored' as const }) },
    found: /has not stored|key that is not active|is unknown at signer|makes no key/,
  },
  'a certificate is let out before it is stored': {
    mistake: { signerStore: (store) => ({ ...store, activate: () => 'activated' as const }) },
    found: /let a certificate out before it stored it/,
  },
  'a request is answered anew': {
    mistake: {
      coordinatorStore: (store) => ({
        ...store,
        signatureByRequest: () => undefined,
        putSignatures: (rows) => rows.map(() => ({ type: 'new' as const })),
      }),
    },
    found: /two outcomes of/,
  },
  'a key is answered before all signers have it': {
    mistake: {
      coordinatorStore: (store) => {
        const active = (keyId: Uint8Array) => {
          const row = store.getKey(keyId)
          return row && { ...row, state: 'active' as const }
        }
        return { ...store, getKey: active, missing: () => [] }
      },
    },
    // Somebody has to miss the last frame of a key generation.
    plan: { n: 3, threshold: 2, drop: 0.05, slow: 0, crashAtWrite: 0, partitionEvery: 0, signerCrashEvery: 0, clockJumpEvery: 0 },
    found: /the key of .* is (pending|unknown) at signer/,
  },
  'a signature is answered that nobody verified': {
    mistake: {
      assembled: (outcome) => {
        const { outcomes, ...rest } = ASSEMBLED.decode(outcome)
        const wrong = outcomes.map((o) => ({ ...o, signature: o.signature.map((byte, i) => (i === 40 ? byte ^ 1 : byte)) }))
        return ASSEMBLED.encode({ ...rest, outcomes: wrong })
      },
    },
    found: /does not verify/,
  },
}
