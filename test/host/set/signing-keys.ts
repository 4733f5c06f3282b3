import { createPublicKey, randomBytes, verify } from 'node:crypto'
import { p256 } from '@noble/curves/nist.js'
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { expect } from 'vitest'
import type { SignatureView, SignedRequest } from '../../../src/host/api/coordinator-service.ts'
import { ApiProblem } from '../../../src/host/api/problem.ts'
import { fromHex } from '../../../src/protocol/engine/bytes.ts'
import { isEcdsa, type Payload, SCHEMES, type Scheme } from '../../../src/protocol/request/document.ts'
import { parseKeyId } from '../../../src/protocol/request/ids.ts'
import type { TestSet } from './in-process-set.ts'

export { isEcdsa, SCHEMES, type Scheme }

export interface TestKey {
  readonly scheme: Scheme
  readonly id: string
  readonly keyId: Uint8Array
  /** As signatures verify under it. */
  readonly publicKey: Uint8Array
}

/** A key of cred_alice. */
export async function makeKey(set: TestSet, scheme: Scheme, who = 'cred_alice'): Promise<TestKey> {
  const view = await set.service.createKey(set.request(who, set.keygen(scheme)), set.client)
  expect(view.state).toBe('active')
  return { scheme, id: view.id, keyId: parseKeyId(view.id) as Uint8Array, publicKey: fromHex(view.publicKey.slice(2)) }
}

export const makeKeys = async (set: TestSet): Promise<Readonly<Record<Scheme, TestKey>>> => {
  const keys = await Promise.all(SCHEMES.map((scheme) => makeKey(set, scheme)))
  return Object.fromEntries(keys.map((key) => [key.scheme, key])) as Record<Scheme, TestKey>
}

export const payloadOf = (scheme: Scheme, message: Uint8Array): Payload =>
  scheme === 'eddsa-ed25519' ? { kind: 'message', message } : { kind: 'message', message, hash: 'sha256' }

export const someMessage = (length = 24): Uint8Array => Uint8Array.from(randomBytes(length))

/** A signed request for a signature on `message`. */
export const askFor = (set: TestSet, key: TestKey, message: Uint8Array, requestId?: string, who = 'cred_alice'): SignedRequest =>
  set.request(who, set.sign(key.scheme, key.keyId, payloadOf(key.scheme, message)), requestId)

export const sign = (set: TestSet, key: TestKey, message: Uint8Array, waitMs = 10_000): Promise<SignatureView> =>
  set.service.sign(askFor(set, key, message), set.client, waitMs)

const SPKI = Buffer.from('302a300506032b6570032100', 'hex')

/** Checks a signature with code that took no part in making it: OpenSSL for Ed25519, noble for the others. */
export function isValid(key: TestKey, message: Uint8Array, signature: SignatureView['signature']): boolean {
  if (signature === null || signature.scheme !== key.scheme) return false
  const { compact } = signature
  if ('recovery' in signature) {
    const curve = signature.scheme === 'ecdsa-p256' ? p256 : secp256k1
    const digest = sha256(message)
    const parsed = curve.Signature.fromBytes(compact, 'compact').addRecoveryBit(signature.recovery)
    const recovered = parsed.recoverPublicKey(digest).toBytes(true)
    const valid = curve.verify(compact, digest, key.publicKey, { prehash: false, lowS: true })
    return valid && Buffer.from(recovered).equals(key.publicKey)
  }
  if (key.scheme === 'schnorr-secp256k1') return schnorr.verify(compact, sha256(message), key.publicKey)
  const spki = createPublicKey({ key: Buffer.concat([SPKI, key.publicKey]), format: 'der', type: 'spki' })
  return verify(null, message, spki, compact)
}

export function expectSigned(key: TestKey, message: Uint8Array, view: SignatureView): void {
  expect(view.state).toBe('signed')
  expect(isValid(key, message, view.signature)).toBe(true)
}

/** Signs something and checks it: the set works. */
export async function expectWorks(set: TestSet, key: TestKey): Promise<SignatureView> {
  const message = someMessage()
  const view = await sign(set, key, message)
  expectSigned(key, message, view)
  return view
}

/** The problem that a call ends with. @throws when it does not, or with anything else. */
export async function problemOf(call: Promise<unknown>): Promise<ApiProblem> {
  try {
    const value = await call
    throw new Error(`the call was answered: ${JSON.stringify(value)}`)
  } catch (error) {
    if (error instanceof ApiProblem) return error
    throw error
  }
}
