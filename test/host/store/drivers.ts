import { openCoordinatorStore } from '../../../src/host/store/coordinator-store.ts'
import type { Database } from '../../../src/host/store/database.ts'
import { openGatewayStore } from '../../../src/host/store/gateway-store.ts'
import { openSignerStore } from '../../../src/host/store/signer-store.ts'

/** Rows that one write of a driver stores in one transaction. */
export const ROWS = 8

export interface OpenStore {
  readonly database: Database
  /** Stores the rows of batch `i` with one call of the store. */
  write(i: number): void
  /** How many rows of batch `i` are there. */
  rows(i: number): number
}

export const NOW = 1_800_000_000_000
export const LATER = NOW + 60_000

/** 32 bytes that differ by number and kind. */
export function hash(i: number, kind = 0): Uint8Array {
  const bytes = new Uint8Array(32).fill(kind)
  new DataView(bytes.buffer).setUint32(0, i)
  return bytes
}

const numbers = (i: number): number[] => Array.from({ length: ROWS }, (_, j) => i * ROWS + j)
const count = (i: number, has: (n: number) => boolean): number => numbers(i).filter(has).length

/** Every store behind one face, for the suite that all of them pass and for the processes that it kills. */
export const DRIVERS = {
  signer: (path: string): OpenStore => {
    const store = openSignerStore(path)
    const request = (n: number) => ({ credentialId: 'cred_a', tenant: '', requestId: `req_${n}` })
    return {
      database: store.database,
      write: (i) => {
        store.claim(numbers(i).map((n) => ({ ...request(n), requestHash: hash(n), expiresAt: LATER, firstSentAt: NOW })))
      },
      rows: (i) => count(i, (n) => store.lookup([request(n)])[0] !== null),
    }
  },
  coordinator: (path: string): OpenStore => {
    const store = openCoordinatorStore(path)
    return {
      database: store.database,
      write: (i) => {
        store.putSignatures(
          numbers(i).map((n) => ({
            id: `sig_${n}`,
            requestHash: hash(n),
            credentialId: 'cred_a',
            requestId: `req_${n}`,
            response: new Uint8Array(200).fill(n),
            createdAt: NOW,
            expiresAt: LATER,
          })),
        )
      },
      rows: (i) => count(i, (n) => store.getSignature(`sig_${n}`) !== undefined),
    }
  },
  gateway: (path: string): OpenStore => {
    const store = openGatewayStore(path)
    return {
      database: store.database,
      write: (i) => {
        store.remember(
          numbers(i).map((n) => ({
            principal: 'alice',
            requestId: `req_${n}`,
            bodyHash: hash(n),
            document: new Uint8Array(300).fill(n),
            authorization: new Uint8Array(64).fill(n),
            signatureId: `sig_${n}`,
            createdAt: NOW,
            expiresAt: LATER,
          })),
        )
      },
      rows: (i) => count(i, (n) => store.getRequest('alice', `req_${n}`) !== undefined),
    }
  },
} as const satisfies Record<string, (path: string) => OpenStore>

export type Role = keyof typeof DRIVERS
