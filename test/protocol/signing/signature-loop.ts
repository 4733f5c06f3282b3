import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { expect } from 'vitest'
import { toHex } from '../../../src/protocol/engine/bytes.ts'
import type { EcdsaScheme } from '../../../src/protocol/request/document.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { assembleRun as assembleDkls, type DklsScheme, ends, makeDklsCase, runDkls } from '../dkls23/dkls-run.ts'
import { expectEcdsa as expectDkls, opensslAccepts as opensslTakes } from '../dkls23/verify-signature.ts'
import { assembleRun as assembleFrost, type FrostScheme, makeFrostCase, runFrost } from '../frost/frost-run.ts'
import { expectFrost, signed as frostSigned } from '../frost/verify-signature.ts'
import { assembleRun as assembleHm, groupOf, makeHmCase, runHm } from '../hm/hm-run.ts'
import { expectEcdsa, signed as hmSigned, opensslAccepts } from '../hm/verify-signature.ts'
import { numbered } from './dealt-key.ts'

/** What a loop saw: nothing may come twice, and both values of what can have two must come. */
export interface LoopResult {
  readonly count: number
  readonly nonces: ReadonlySet<string>
  readonly recoveries: ReadonlySet<number>
}

/**
 * `batches` sessions of `size` ECDSA signatures, every one with a key and a message of its own. Each is verified by noble, by our native
 * curves and by OpenSSL, none of which made it; s must be low, and the recovery id must lead back to the key.
 */
export function ecdsaLoop(scheme: EcdsaScheme, name: string, batches: number, size: number): LoopResult {
  const nonces = new Set<string>()
  const recoveries = new Set<number>()
  for (const batch of numbered(name, batches)) {
    const messages = numbered(batch, size).map(utf8ToBytes)
    const c = makeHmCase({ scheme, digests: messages.map((m) => sha256(m)), seed: batch })
    assembleHm(c, runHm(c)).forEach((outcome, b) => {
      const { publicKey, input } = c.items[b] as (typeof c.items)[0]
      expectEcdsa(outcome, publicKey, input, scheme)
      const { signature, recovery } = hmSigned(outcome)
      expect(opensslAccepts(signature, messages[b] as Uint8Array, publicKey, scheme)).toBe(true)
      expect(BigInt(`0x${toHex(signature.subarray(32))}`) <= groupOf(c).order / 2n).toBe(true)
      nonces.add(toHex(signature.subarray(0, 32)))
      recoveries.add(recovery as number)
    })
  }
  return { count: batches * size, nonces, recoveries }
}

/**
 * The same for DKLs23: two of three signers, over one set-up of the pair for all batches, as a set of hosts would. noble and OpenSSL
 * verify.
 */
export function dklsLoop(scheme: DklsScheme, name: string, batches: number, size: number): LoopResult {
  const nonces = new Set<string>()
  const recoveries = new Set<number>()
  const { pairs } = makeDklsCase({ scheme, seed: name })
  const half = nativeCurves[scheme === 'ecdsa-p256' ? 'p256' : 'secp256k1'].order / 2n
  for (const batch of numbered(name, batches)) {
    const messages = numbered(batch, size).map(utf8ToBytes)
    const c = { ...makeDklsCase({ scheme, digests: messages.map((m) => sha256(m)), seed: batch }), pairs }
    const run = runDkls(c, { name: batch })
    expect(ends(run)).toEqual({ 1: 'done', 2: 'done' })
    assembleDkls(c, run).forEach((outcome, b) => {
      const { publicKey, input } = c.items[b] as (typeof c.items)[0]
      expectDkls(scheme, outcome, publicKey, input)
      expect(opensslTakes(scheme, outcome, messages[b] as Uint8Array, publicKey)).toBe(true)
      const { signature, recovery } = hmSigned(outcome)
      expect(BigInt(`0x${toHex(signature.subarray(32))}`) <= half).toBe(true)
      nonces.add(toHex(signature.subarray(0, 32)))
      recoveries.add(recovery as number)
    })
  }
  return { count: batches * size, nonces, recoveries }
}

/** The same for FROST: noble and libsodium or libsecp256k1 verify, for Ed25519 OpenSSL too; R stands for r. */
export function frostLoop(scheme: FrostScheme, name: string, batches: number, size: number): LoopResult {
  const nonces = new Set<string>()
  for (const batch of numbered(name, batches)) {
    const inputs = numbered(batch, size).map((text) => sha256(utf8ToBytes(text)))
    const c = makeFrostCase({ scheme, inputs, seed: batch })
    assembleFrost(c, runFrost(c)).forEach((outcome, b) => {
      const { publicKey, input } = c.items[b] as (typeof c.items)[0]
      const signature = frostSigned(outcome)
      expectFrost(scheme, signature, input, publicKey)
      nonces.add(toHex(signature.subarray(0, 32)))
    })
  }
  return { count: batches * size, nonces, recoveries: new Set() }
}
