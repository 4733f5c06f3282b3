import { readFileSync, statSync } from 'node:fs'
import { z } from 'zod'
import { type Json, parseStrictJson } from '../../protocol/request/strict-json.ts'

/** Longest configuration file, in bytes and in values: thousands of clients, credentials and principals. */
export const MAX_JSON = 1 << 20

/**
 * Reads a JSON file of a known form. Strict: a member that nobody knows, or one that stands twice, is a mistake.
 * @throws Error naming the file and the place.
 */
export function readJsonFile<T>(path: string, schema: z.ZodType<T>): T {
  // These files say who may ask, who is a signer and whose tokens count. Windows has no such modes.
  if (process.platform !== 'win32' && (statSync(path).mode & 0o002) !== 0) {
    throw new Error(`${path}: everybody can write it: chmod o-w it`)
  }
  return parseJson(readFileSync(path), schema, path)
}

/** @throws Error naming `name` and the place. */
export function parseJson<T>(bytes: Uint8Array, schema: z.ZodType<T>, name: string): T {
  let value: unknown
  try {
    value = plain(parseStrictJson(bytes, MAX_JSON, MAX_JSON))
  } catch (error) {
    throw new Error(`${name}: ${(error as { detail?: string }).detail ?? 'not JSON'}`)
  }
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw new Error(
    `${name}: ${issue === undefined ? 'another form is expected' : `${z.core.toDotPath(issue.path) || 'the file'}: ${issue.message}`}`,
  )
}

function plain(value: Json): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([name, member]) => [name, plain(member)]))
  return Array.isArray(value) ? value.map(plain) : value
}

export const formatJson = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

/** Bytes in configuration files: lower-case hex. */
export const hexBytes = (length: number): z.ZodType<Uint8Array, string> =>
  z
    .string()
    .regex(new RegExp(`^[0-9a-f]{${2 * length}}$`), `must be ${2 * length} lower-case hex digits`)
    .transform((text) => Uint8Array.from(Buffer.from(text, 'hex')))

export const FINGERPRINT = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits')
export const CREDENTIAL_ID = z.string().regex(/^cred_[A-Za-z0-9_-]{1,64}$/, 'must be cred_ and 1 to 64 of A-Z a-z 0-9 _ -')
export const NAME = z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/, 'must be 1 to 63 of a-z 0-9 . -')
