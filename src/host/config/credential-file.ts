import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { toHex, wipe } from '../../protocol/engine/bytes.ts'
import { CREDENTIAL_ID, formatJson, parseJson } from './json-file.ts'
import { publicKeyOf } from './node-keys.ts'
import { createSecretFile, readSecretFile } from './secret-file.ts'

/** What signs request documents: of a gateway, or of a program that speaks to the coordinator itself. */
export interface OwnCredential {
  /** `cred_...` */
  readonly id: string
  readonly alg: 'ed25519'
  /** Ed25519 seed, 32 bytes. */
  readonly seed: Uint8Array
}

const SEED = 32
const MAX_BYTES = 4096

const CREDENTIAL = z.strictObject({
  id: CREDENTIAL_ID,
  alg: z.literal('ed25519'),
  seed: z
    .string()
    .regex(/^[A-Za-z0-9_-]{43}$/, 'must be 32 bytes in base64url')
    .transform((text) => Uint8Array.from(Buffer.from(text, 'base64url'))),
})

/** Makes a credential and stores it, mode 0600. @returns its public key, 32 bytes. @throws Error if the file exists. */
export function createCredentialFile(path: string, id: string): Uint8Array {
  const seed = randomBytes(SEED)
  try {
    // JSON, so that a client in any language reads it; the price is a string that lives until it is collected.
    createSecretFile(path, formatJson({ id, alg: 'ed25519', seed: seed.toString('base64url') }))
    return publicKeyOf('ed25519', seed)
  } finally {
    wipe(seed)
  }
}

/** The caller wipes the seed. @throws Error on another mode than 0600 or another form. */
export function readCredentialFile(path: string): OwnCredential {
  const bytes = readSecretFile(path, MAX_BYTES)
  try {
    return parseJson(bytes, CREDENTIAL, path)
  } finally {
    wipe(bytes)
  }
}

/** As a signer's credentials.json lists it. */
export interface PublicCredential {
  readonly id: string
  readonly alg: 'ed25519'
  readonly public_key: string
}

export function publicPart({ id, alg, seed }: OwnCredential): PublicCredential {
  return { id, alg, public_key: toHex(publicKeyOf('ed25519', seed)) }
}
