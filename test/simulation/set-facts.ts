import { type Identity, makeRoster, type Roster } from '../../src/protocol/channel/roster.ts'
import type { Curves } from '../../src/protocol/curve/curves.ts'
import { toHex } from '../../src/protocol/engine/bytes.ts'
import type { Credential } from '../../src/protocol/request/authorize.ts'
import { seededRng } from '../simulator/seeded-rng.ts'

export const OWNERS = ['cred_alice', 'cred_bob'] as const
export type Owner = (typeof OWNERS)[number]

/** What all parts of a simulated set know of it, and the secrets of its hosts and users. */
export interface SetFacts {
  readonly seed: string
  readonly folder: string
  readonly curves: Curves
  readonly roster: Roster
  readonly rosterFile: {
    readonly roster: Roster
    readonly audience: string
    readonly signers: readonly { index: number; name: string; url: string; tlsFingerprint: string }[]
  }
  readonly identities: readonly Identity[]
  readonly credentials: readonly Credential[]
  readonly userSeeds: ReadonlyMap<Owner, Uint8Array>
}

export function setFacts(seed: string, folder: string, n: number, curves: Curves): SetFacts {
  const rng = seededRng(`${seed}/identities`)
  const identities = Array.from({ length: n }, (_, i) => ({ id: i + 1, signSeed: rng(32), exchangeSecret: rng(32) }))
  const roster = makeRoster(
    1,
    identities.map((i) => ({
      id: i.id,
      signKey: curves.ed25519PublicKey(i.signSeed),
      exchangeKey: curves.x25519PublicKey(i.exchangeSecret),
      tlsFingerprint: rng(32),
    })),
  )
  const signers = identities.map((i) => ({
    index: i.id,
    name: `signer-${i.id}`,
    url: `https://signer-${i.id}`,
    tlsFingerprint: 'ab'.repeat(32),
  }))
  const userSeeds = new Map(OWNERS.map((id) => [id, rng(32)]))
  const credentials = [...userSeeds].map(([id, userSeed]) => ({
    id,
    tenant: id.slice(5),
    alg: 'ed25519' as const,
    publicKey: curves.ed25519PublicKey(userSeed),
    digest: id === 'cred_alice',
  }))
  const rosterFile = { roster, audience: `set_${toHex(roster.hash)}`, signers }
  return { seed, folder, curves, roster, rosterFile, identities, credentials, userSeeds }
}
