import { createPrivateKey, createPublicKey } from 'node:crypto'

/** PKCS #8 of RFC 8410 up to the 32 secret bytes. */
const PREFIX = {
  ed25519: Buffer.from('302e020100300506032b657004220420', 'hex'),
  x25519: Buffer.from('302e020100300506032b656e04220420', 'hex'),
}

/** Public key, 32 bytes, of an Ed25519 seed or an X25519 secret, by OpenSSL: the tools for operators need no curve back end. */
export function publicKeyOf(type: 'ed25519' | 'x25519', secret: Uint8Array): Uint8Array {
  const der = Buffer.concat([PREFIX[type], secret])
  try {
    const spki = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })).export({
      type: 'spki',
      format: 'der',
    })
    return Uint8Array.from(spki.subarray(-32))
  } finally {
    der.fill(0)
  }
}
