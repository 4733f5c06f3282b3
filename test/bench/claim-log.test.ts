import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { ClaimLog } from '../../bench/claim-log.ts'
import type { Key } from '../../bench/signing-requests.ts'

it('gives back what it was given, in parts, and refuses what is no signature', () => {
  const keys: readonly Key[] = [
    { id: 'key_1', scheme: 'ecdsa-secp256k1', publicKey: randomBytes(33) },
    { id: 'key_2', scheme: 'eddsa-ed25519', publicKey: randomBytes(32) },
  ]
  const claims = Array.from({ length: 7 }, (_, i) => {
    const key = keys[i % 2] as Key
    const { scheme } = key
    const [message, serialized, publicKey] = [randomBytes(32), randomBytes(65 - (i % 2)), key.publicKey].map((b) =>
      Uint8Array.from(b),
    )
    return { key, claim: { scheme, message, serialized, publicKey } as Parameters<ClaimLog['add']>[1] }
  })
  const log = new ClaimLog(keys, claims.length)
  const [first] = claims as [(typeof claims)[number]]
  expect(log.add(first.key, { ...first.claim, serialized: new Uint8Array(64) })).toBe(false)
  expect(claims.map(({ key, claim }) => log.add(key, claim))).toEqual(claims.map(() => true))
  expect(log.count).toBe(7)
  const parts = [...log.parts(3)]
  expect(parts.map((part) => part.length)).toEqual([3, 3, 1])
  expect(parts.flat()).toEqual(claims.map(({ claim }) => claim))
})
