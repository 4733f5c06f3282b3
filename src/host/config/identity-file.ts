import { randomBytes } from 'node:crypto'
import type { Identity } from '../../protocol/channel/roster.ts'
import { concat, equalBytes, u16, wipe } from '../../protocol/engine/bytes.ts'
import { createSecretFile, readSecretFile } from './secret-file.ts'

// Binary, since text would put the secrets into strings, which nothing can wipe: magic 8, index u16, Ed25519 seed 32, X25519 secret 32.
const MAGIC = Uint8Array.from(Buffer.from('QRTEID1\n', 'latin1'))
const KEY = 32
const LENGTH = MAGIC.length + 2 + 2 * KEY

/** Draws a signer's identity keys and stores them, mode 0600. @throws Error if the file exists. */
export function createIdentityFile(path: string, index: number): Identity {
  const identity = { id: index, signSeed: Uint8Array.from(randomBytes(KEY)), exchangeSecret: Uint8Array.from(randomBytes(KEY)) }
  const bytes = concat(MAGIC, u16(index), identity.signSeed, identity.exchangeSecret)
  try {
    createSecretFile(path, bytes)
    return identity
  } finally {
    wipe(bytes)
  }
}

/** The caller wipes both secrets. @throws Error on another mode than 0600 or another form. */
export function readIdentityFile(path: string): Identity {
  const bytes = readSecretFile(path, LENGTH)
  try {
    if (bytes.length !== LENGTH || !equalBytes(bytes.subarray(0, MAGIC.length), MAGIC))
      throw new Error(`${path} is not an identity file`)
    const at = MAGIC.length
    return {
      id: new DataView(bytes.buffer).getUint16(at),
      signSeed: bytes.slice(at + 2, at + 2 + KEY),
      exchangeSecret: bytes.slice(at + 2 + KEY),
    }
  } finally {
    wipe(bytes)
  }
}
