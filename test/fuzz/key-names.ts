import type { Scheme } from '../../src/protocol/request/document.ts'

/** The names of a set and its keys are random: committed inputs spell them with zeros, ones, twos and threes. */
export const NAMELESS_SET = `set_${'0'.repeat(64)}`
const DIGITS = { 'ecdsa-secp256k1': '0', 'schnorr-secp256k1': '1', 'eddsa-ed25519': '2', 'ecdsa-p256': '3' } as const
export const namelessKey = (scheme: Scheme): string => `key_${DIGITS[scheme].repeat(64)}`

export interface Names {
  readonly audience: string
  readonly keys: ReadonlyMap<Scheme, string>
}

/** Every name with a meaning put in place. */
export function named(text: string, { audience, keys }: Names): string {
  let out = text.replaceAll(NAMELESS_SET, audience)
  for (const [scheme, id] of keys) out = out.replaceAll(namelessKey(scheme), id)
  return out
}

export const namedBytes = (bytes: Uint8Array, names: Names): Uint8Array =>
  Uint8Array.from(Buffer.from(named(Buffer.from(bytes).toString('latin1'), names), 'latin1'))
