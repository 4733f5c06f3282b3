import { ASSEMBLED } from '../../src/actors/assembler-commands.ts'
import type { CoordinatorStore } from '../../src/host/store/coordinator-store.ts'
import type { SignerStore } from '../../src/host/store/signer-store.ts'
import { decodeEnvelope, encodeEnvelope } from '../../src/protocol/channel/envelope.ts'
import type { Curves } from '../../src/protocol/curve/curves.ts'
import { REPLY, REPLY_TYPES, type Route } from '../../src/protocol/frames/signer-frames.ts'
import type { Plan } from './plan.ts'

/** Where a mistake can be planted without changing the set itself. */
export interface Mistake {
  readonly signerStore?: (store: SignerStore) => SignerStore
  readonly coordinatorStore?: (store: CoordinatorStore) => CoordinatorStore
  readonly assembled?: (outcome: Uint8Array) => Uint8Array
  /** Of the assembler. */
  readonly curves?: Partial<Curves>
  /** What leaves a signer, before anybody sees it. */
  readonly answered?: (route: Route, answer: Uint8Array) => Uint8Array
}

interface Planted {
  /** Anew for each run: some remember what was before. */
  readonly mistake: () => Mistake
  /** Where the seeds' own faults seldom show it. */
  readonly plan?: Partial<Plan>
  /** What the simulation says of it. */
  readonly found: RegExp
}

/** Of each length of a message, its points as they were shown first. Its signature no longer fits, which nobody looks at before the witness has. */
function withOldPoints(answer: Uint8Array, shown: Map<string, Uint8Array>): Uint8Array {
  const reply = REPLY.decode(answer)
  const [first] = reply.envelopes
  const envelope = first === undefined ? null : decodeEnvelope(first)
  if (envelope === null || reply.type !== REPLY_TYPES.sent) return answer
  const name = `${envelope.sender} ${envelope.suite} ${envelope.body.length}`
  const body = shown.get(name) ?? envelope.body
  shown.set(name, body)
  return REPLY.encode({ ...reply, envelopes: [encodeEnvelope({ ...envelope, body })] })
}

/** Mistakes that such a set could have. A simulation that does not find them proves nothing. */
export const MISTAKES: Readonly<Record<string, Planted>> = {
  'shares leave without a claim in the ledger': {
    mistake: () => ({ signerStore: (store) => ({ ...store, claim: (rows) => rows.map(() => 'new' as const) }) }),
    found: /a share of .* before its claim was stored/,
  },
  'a signer says it stored its share, and did not': {
    mistake: () => ({ signerStore: (store) => ({ ...store, insertPending: () => 'stored' as const }) }),
    found: /has not stored|key that is not active|is unknown at signer|makes no key/,
  },
  'a certificate is let out before it is stored': {
    mistake: () => ({ signerStore: (store) => ({ ...store, activate: () => 'activated' as const }) }),
    found: /let a certificate out before it stored it/,
  },
  'a request is answered anew': {
    mistake: () => ({
      coordinatorStore: (store) => ({
        ...store,
        signatureByRequest: () => undefined,
        putSignatures: (rows) => rows.map(() => ({ type: 'new' as const })),
      }),
    }),
    found: /two outcomes of/,
  },
  'a key is answered before all signers have it': {
    mistake: () => ({
      coordinatorStore: (store) => {
        const active = (keyId: Uint8Array) => {
          const row = store.getKey(keyId)
          return row && { ...row, state: 'active' as const }
        }
        return { ...store, getKey: active, missing: () => [] }
      },
    }),
    // Somebody has to miss the last frame of a key generation.
    plan: { n: 3, threshold: 2, drop: 0.05, slow: 0, crashAtWrite: 0, partitionEvery: 0, signerCrashEvery: 0, clockJumpEvery: 0 },
    found: /the key of .* is (pending|unknown) at signer/,
  },
  'a signature is answered that nobody verified': {
    mistake: () => ({
      assembled: (outcome) => {
        const { outcomes, ...rest } = ASSEMBLED.decode(outcome)
        const wrong = outcomes.map((o) => ({ ...o, signature: o.signature.map((byte, i) => (i === 40 ? byte ^ 1 : byte)) }))
        return ASSEMBLED.encode({ ...rest, outcomes: wrong })
      },
    }),
    found: /does not verify/,
  },
  'a liar’s share is combined and nobody looks at the result': {
    mistake: () => ({
      curves: { ecdsaVerify: () => true, schnorrVerify: () => true, ed25519Verify: () => true },
    }),
    // Its lies in good form alone: what is changed in other ways does not get as far as a signature.
    plan: { n: 3, threshold: 2, saboteur: 1, corrupt: 0, updates: 0, requests: 30 },
    found: /does not verify/,
  },
  'a signer shows the nonce points of an earlier session': {
    mistake: () => {
      const shown = new Map<string, Uint8Array>()
      return { answered: (route, answer) => (route === 'openSigning' ? withOldPoints(answer, shown) : answer) }
    },
    found: /a nonce point twice/,
  },
  'two signatures have one nonce point': {
    mistake: () => {
      const first = new Map<number, Uint8Array>()
      return {
        assembled: (outcome) => {
          const { outcomes, ...rest } = ASSEMBLED.decode(outcome)
          const again = outcomes.map((o) => {
            const R = first.get(o.signature.length) ?? o.signature.slice(0, 32)
            first.set(o.signature.length, R)
            return { ...o, signature: Uint8Array.from([...R, ...o.signature.slice(32)]).slice(0, o.signature.length) }
          })
          return ASSEMBLED.encode({ ...rest, outcomes: again })
        },
      }
    },
    found: /has the nonce point of/,
  },
  'a frozen key signs': {
    mistake: () => ({
      signerStore: (store) => {
        const active = (keyId: Uint8Array) => {
          const row = store.keyForSigning(keyId)
          return row && { ...row, usage: 'active' as const }
        }
        return { ...store, keyForSigning: active, usable: () => true }
      },
    }),
    plan: { updates: 6 },
    found: /left signer \d although its key is frozen/,
  },
  'a freeze between the rounds of a session is not seen': {
    mistake: () => ({ signerStore: (store) => ({ ...store, usable: () => true }) }),
    // Frames of a second round have to come when a freeze is at all signers: late, or once more.
    plan: {
      ...{
        n: 3,
        threshold: 2,
        updates: 30,
        requests: 60,
        slow: 0.1,
        duplicate: 0.5,
        storm: 8_000,
        drop: 0,
        corrupt: 0,
        saboteur: 0,
      },
      ...{ partitionEvery: 0, signerCrashEvery: 0, coordinatorCrashEvery: 0, crashAtWrite: 0, diskFull: 0 },
    },
    found: /left signer \d although its key is frozen/,
  },
  'a signer says it stored a pair’s set-up, and did not': {
    mistake: () => ({ signerStore: (store) => ({ ...store, pairs: { ...store.pairs, put: () => 'stored' as const } }) }),
    plan: { dkls23: true },
    found: /does not set up its pairs/,
  },
  'a signer says it stored a key update, and did not': {
    mistake: () => ({ signerStore: (store) => ({ ...store, updateKey: () => 'stored' as const }) }),
    plan: { updates: 6 },
    found: /is done, and signer \d has revision/,
  },
}
