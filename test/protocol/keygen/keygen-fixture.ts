import { expect } from 'vitest'
import type { Channel } from '../../../src/protocol/channel/channel.ts'
import type { FullChannelOptions } from '../../../src/protocol/channel/full-channel.ts'
import type { Group } from '../../../src/protocol/curve/group.ts'
import { toHex } from '../../../src/protocol/engine/bytes.ts'
import { type Fault, VERDICTS } from '../../../src/protocol/engine/fault.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import type { Env, Protocol } from '../../../src/protocol/engine/round.ts'
import { assembleCertificate, CERTIFICATE, verifyCertificate } from '../../../src/protocol/keygen/certificate.ts'
import { type DkgParams, dkg, type KeyGenResult, type PendingKey } from '../../../src/protocol/keygen/dkg.ts'
import { groupOf } from '../../../src/protocol/keygen/scheme.ts'
import type { Scheme } from '../../../src/protocol/request/document.ts'
import type { Rule } from '../../simulator/relay.ts'
import { type Run, runSession } from '../../simulator/run-session.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'
import { identityOf, makeWorld, setupOf, type World } from '../../simulator/world.ts'

export type KeygenScript = Protocol<KeyGenResult, PendingKey>
export type KeygenRun = Run<KeyGenResult, PendingKey> & { readonly world: World; readonly scheme: Scheme; readonly group: Group }

export const SCHEMES_UNDER_TEST = ['ecdsa-secp256k1', 'ecdsa-p256', 'schnorr-secp256k1', 'eddsa-ed25519'] as const
export const REQUEST_HASH = seededRng('keygen request')(32)

const worlds = new Map<number, World>()
/** The world with signers 1..n; rosters cost key pairs, so tests share them. */
export function worldOf(n: number): World {
  let world = worlds.get(n)
  if (world === undefined) {
    world = makeWorld({ ids: n, seed: `keygen of ${n}` })
    worlds.set(n, world)
  }
  return world
}

export const paramsFor = (world: World, self: PartyId, scheme: Scheme): DkgParams => ({
  scheme,
  requestHash: REQUEST_HASH,
  sign: (message) => world.curves.ed25519Sign(message, identityOf(world, self).signSeed),
})

export interface Keygen {
  readonly world?: World
  readonly scheme?: Scheme
  readonly threshold?: number
  readonly seed?: string
  /** Another name, another session. */
  readonly name?: string
  readonly rules?: readonly Rule[]
  /** Scripts of malicious signers in place of the honest one. */
  readonly rogues?: ReadonlyMap<PartyId, (env: Env, params: DkgParams) => KeygenScript>
  readonly channelFor?: (options: FullChannelOptions) => Channel
}

/** One key generation: 2 of 3 on secp256k1 unless said otherwise. */
export function keygen(options: Keygen = {}): KeygenRun {
  const {
    world = worldOf(3),
    scheme = 'ecdsa-secp256k1',
    threshold = 2,
    seed = 'keygen',
    name = 'keygen',
    rules = [],
    rogues,
    channelFor,
  } = options
  const run = runSession<KeyGenResult, PendingKey>({
    world,
    setup: setupOf(world, { protocol: 'dkg', suite: scheme, threshold, name, purpose: REQUEST_HASH }),
    seed,
    rules,
    scriptFor: (env) => (rogues?.get(env.self) ?? dkg)(env, paramsFor(world, env.self, scheme)),
    ...(channelFor === undefined ? {} : { channelFor }),
  })
  return { ...run, world, scheme, group: groupOf(scheme, world.curves) }
}

export const faultOf = (run: KeygenRun, id: PartyId): Fault | undefined => {
  const end = run.ends.get(id)
  return end?.type === 'failed' ? end.fault : undefined
}

/** `done`, or the fault's code with its culprits. */
export const outcome = (run: KeygenRun, id: PartyId): string => {
  const fault = faultOf(run, id)
  return fault === undefined ? 'done' : fault.culprits.length === 0 ? fault.code : `${fault.code}:${fault.culprits.join()}`
}

export const outcomes = (run: KeygenRun): Readonly<Record<PartyId, string>> =>
  Object.fromEntries([...run.ends.keys()].map((id) => [id, outcome(run, id)]))

export const pendingOf = (run: KeygenRun, id: PartyId): PendingKey | undefined => {
  const commits = run.commits.get(id) ?? []
  expect(commits.length, run.seed).toBeLessThanOrEqual(1)
  return commits[0]
}

/**
 * What must hold whatever `malicious` signers and the relay did: every honest signer ended with a result or a typed fault, no honest
 * signer is a culprit at another honest one, and a key that one of them has is real for all: each honest signer holds the
 * fitting share at least as pending, and the stored signatures together are the certificate.
 */
export function assertSafe(run: KeygenRun, malicious: readonly PartyId[] = []): void {
  const honest = [...run.ends.keys()].filter((id) => !malicious.includes(id))
  const { roster, curves } = run.world
  for (const id of honest) {
    const fault = faultOf(run, id)
    if (fault === undefined) continue
    expect(Object.keys(VERDICTS), run.seed).toContain(fault.code)
    for (const culprit of fault.culprits)
      expect(malicious, `${run.seed}: ${id} names ${culprit} (${fault.code})`).toContain(culprit)
  }
  for (const id of honest) {
    const end = run.ends.get(id)
    if (end?.type !== 'done') continue
    const { certificate } = end.result
    expect(verifyCertificate(certificate, roster, curves), run.seed).toBe(true)
    const signatures = new Map(certificate.key.parties.map((party, i) => [party, certificate.signatures[i] as Uint8Array]))
    for (const other of honest) {
      const pending = pendingOf(run, other)
      if (pending === undefined) throw new Error(`${run.seed}: ${id} has a key that ${other} has not`)
      expect(pending.key, run.seed).toEqual(certificate.key)
      expect(pending.signature, run.seed).toEqual(signatures.get(other))
      const place = certificate.key.parties.indexOf(other)
      expect(run.group.baseMul(pending.secret.share), run.seed).toEqual(certificate.key.verificationShares[place])
      const otherEnd = run.ends.get(other)
      if (otherEnd?.type === 'done') {
        expect(toHex(CERTIFICATE.encode(otherEnd.result.certificate)), run.seed).toBe(toHex(CERTIFICATE.encode(certificate)))
      }
    }
    const rebuilt = assembleCertificate(certificate.key, signatures, roster, curves)
    expect(rebuilt, run.seed).toEqual(certificate)
  }
}

/** Every honest signer has the key. */
export function assertDone(run: KeygenRun): void {
  for (const id of run.ends.keys()) expect(outcome(run, id), run.seed).toBe('done')
  assertSafe(run)
}
