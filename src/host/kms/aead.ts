import { createCipheriv, createDecipheriv, randomFillSync } from 'node:crypto'
import { concat, wipe } from '../../protocol/engine/bytes.ts'

const CIPHER = 'aes-256-gcm'
export const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const OVERHEAD = NONCE_BYTES + TAG_BYTES

/**
 * AES-256-GCM (SP 800-38D) under a 32-byte key: `nonce(12) || ciphertext || tag(16)`. The nonce is random, so one key may
 * encrypt 2^32 messages at most.
 */
export function encrypt(key: Uint8Array, aad: Uint8Array, plain: Uint8Array): Uint8Array {
  const nonce = randomFillSync(new Uint8Array(NONCE_BYTES))
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAAD(aad)
  return concat(nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag())
}

/** The plaintext, in memory of its own; undefined unless key, AAD and every byte are those of {@link encrypt}. */
export function decrypt(key: Uint8Array, aad: Uint8Array, message: Uint8Array): Uint8Array | undefined {
  if (message.length < OVERHEAD) return undefined
  const body = message.subarray(NONCE_BYTES, message.length - TAG_BYTES)
  const decipher = createDecipheriv(CIPHER, key, message.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
    .setAAD(aad)
    .setAuthTag(message.subarray(message.length - TAG_BYTES))
  const unverified = decipher.update(body)
  try {
    decipher.final()
    return Uint8Array.from(unverified)
  } catch {
    return undefined
  } finally {
    wipe(unverified)
  }
}
