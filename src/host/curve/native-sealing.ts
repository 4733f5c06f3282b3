import type { Curves } from '../../protocol/curve/curves.ts'
import { requireLength } from '../../protocol/curve/operands.ts'
import { wipe } from '../../protocol/engine/bytes.ts'
import type { LibSodium } from './bindings.ts'

const KEY = 32
const TAG = 16
const NONCE = new Uint8Array(12)

/** libsodium's ChaCha20-Poly1305 (IETF): messages of DKLs23 are megabytes, for which noble takes ten times as long. */
export function nativeSealing(sodium: LibSodium): Pick<Curves, 'seal' | 'open'> {
  return {
    seal(key, header, plaintext) {
      requireLength(key, KEY, 'a key')
      const sealed = new Uint8Array(plaintext.length + TAG)
      sodium.crypto_aead_chacha20poly1305_ietf_encrypt(sealed, plaintext, header, null, NONCE, key)
      return sealed
    },

    open(key, header, sealed) {
      requireLength(key, KEY, 'a key')
      if (sealed.length < TAG) return null
      const plaintext = new Uint8Array(sealed.length - TAG)
      try {
        sodium.crypto_aead_chacha20poly1305_ietf_decrypt(plaintext, null, sealed, header, NONCE, key)
        return plaintext
      } catch {
        wipe(plaintext)
        return null
      }
    },
  }
}
