import { z } from 'zod'
import type { Credential } from '../../protocol/request/authorize.ts'
import { CREDENTIAL_ID, FINGERPRINT, hexBytes, NAME, readJsonFile } from './json-file.ts'

/** A client of the coordinator, known by its certificate. */
export interface ClientEntry {
  readonly name: string
  /** 64 lower-case hex digits. */
  readonly fingerprint: string
  /** Whose requests it may submit and whose keys it may see. */
  readonly credentials: readonly string[]
}

/** A user of the gateway, known by a certificate. */
export interface PrincipalEntry {
  readonly name: string
  readonly fingerprint: string
  readonly scopes: readonly string[]
}

const MAX_ENTRIES = 4096

const TENANT = z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/, 'must be 1 to 64 of A-Z a-z 0-9 _ . -')
const common = { id: CREDENTIAL_ID, tenant: TENANT, digest: z.boolean() }

const CREDENTIALS = z.strictObject({
  credentials: z
    .array(
      z.discriminatedUnion('alg', [
        z.strictObject({ ...common, alg: z.literal('ed25519'), public_key: hexBytes(32) }),
        z.strictObject({ ...common, alg: z.literal('p256'), public_key: hexBytes(33) }),
      ]),
    )
    .min(1)
    .max(MAX_ENTRIES),
})

const CLIENTS = z.strictObject({
  clients: z
    .array(z.strictObject({ name: NAME, fingerprint: FINGERPRINT, credentials: z.array(CREDENTIAL_ID).min(1).max(MAX_ENTRIES) }))
    .min(1)
    .max(MAX_ENTRIES),
})

const SCOPE = z.string().regex(/^[a-z][a-z0-9:._-]{0,63}$/, 'must be a scope such as sign')

const PRINCIPALS = z.strictObject({
  principals: z.array(z.strictObject({ name: NAME, fingerprint: FINGERPRINT, scopes: z.array(SCOPE).max(32) })).max(MAX_ENTRIES),
})

/** Two entries under one name would make it a matter of order which of them counts. */
function unique<T>(entries: readonly T[], key: (entry: T) => string, path: string): readonly T[] {
  const seen = new Set<string>()
  for (const entry of entries) {
    if (seen.has(key(entry))) throw new Error(`${path}: ${key(entry)} stands twice`)
    seen.add(key(entry))
  }
  return entries
}

/** A signer's own list of who may ask (decisions.md 12). @throws Error */
export function readCredentials(path: string): readonly Credential[] {
  const { credentials } = readJsonFile(path, CREDENTIALS)
  return unique(
    credentials.map(({ public_key, ...rest }) => ({ ...rest, publicKey: public_key })),
    (entry) => entry.id,
    path,
  )
}

/** @throws Error */
export function readClients(path: string): readonly ClientEntry[] {
  const { clients } = readJsonFile(path, CLIENTS)
  unique(clients, (entry) => entry.name, path)
  return unique(clients, (entry) => entry.fingerprint, path)
}

/** @throws Error */
export function readPrincipals(path: string): readonly PrincipalEntry[] {
  const { principals } = readJsonFile(path, PRINCIPALS)
  unique(principals, (entry) => entry.name, path)
  return unique(principals, (entry) => entry.fingerprint, path)
}
