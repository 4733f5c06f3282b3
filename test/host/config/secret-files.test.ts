import { createPrivateKey, sign, verify } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import { describe, expect, it } from 'vitest'
import { createCredentialFile, publicPart, readCredentialFile } from '../../../src/host/config/credential-file.ts'
import { createIdentityFile, readIdentityFile } from '../../../src/host/config/identity-file.ts'
import { publicKeyOf } from '../../../src/host/config/node-keys.ts'
import { createSecretFile, readSecretFile } from '../../../src/host/config/secret-file.ts'
import { toHex } from '../../../src/protocol/engine/bytes.ts'
import { temporaryDirectory } from '../temporary.ts'

const modeOf = (path: string): number => statSync(path).mode & 0o777
const inside = (name = 'file'): string => join(temporaryDirectory(), name)

describe('secret files', () => {
  it('have mode 0600 and are never overwritten', () => {
    const path = inside()
    createSecretFile(path, 'first')
    expect(modeOf(path)).toBe(0o600)
    expect(() => createSecretFile(path, 'second')).toThrow(/exists already/)
    expect(readFileSync(path, 'utf8')).toBe('first')
  })

  it.each([0o640, 0o604, 0o644, 0o620, 0o660])('are refused with mode %o', (mode) => {
    const path = inside()
    createSecretFile(path, 'x')
    chmodSync(path, mode)
    expect(() => readSecretFile(path, 10)).toThrow(/may be read by others.*chmod 600/)
  })

  it.each([0o600, 0o400])('are read with mode %o', (mode) => {
    const path = inside()
    createSecretFile(path, 'x')
    chmodSync(path, mode)
    expect(Buffer.from(readSecretFile(path, 10)).toString()).toBe('x')
  })

  it('are read through a link by the mode of the file itself', () => {
    const [path, link] = [inside(), inside('link')]
    writeFileSync(path, 'x', { mode: 0o644 })
    symlinkSync(path, link)
    expect(() => readSecretFile(link, 10)).toThrow(/may be read by others/)
  })

  it('are refused when they are too long or no file', () => {
    const path = inside()
    createSecretFile(path, 'x'.repeat(11))
    expect(() => readSecretFile(path, 10)).toThrow(/longer than 10/)
    const directory = inside('directory')
    mkdirSync(directory, { mode: 0o700 })
    expect(() => readSecretFile(directory, 10)).toThrow(/not a file/)
  })
})

describe('identity file', () => {
  it('is read back as it was made', () => {
    const path = inside()
    const made = createIdentityFile(path, 258)
    expect(modeOf(path)).toBe(0o600)
    expect(readIdentityFile(path)).toEqual(made)
    expect(made.id).toBe(258)
    expect(made.signSeed).not.toEqual(made.exchangeSecret)
  })

  it('is never overwritten', () => {
    const path = inside()
    const made = createIdentityFile(path, 1)
    expect(() => createIdentityFile(path, 1)).toThrow(/exists already/)
    expect(readIdentityFile(path)).toEqual(made)
  })

  it('is refused when it is shorter, or something else', () => {
    const path = inside()
    createIdentityFile(path, 1)
    truncateSync(path, 73)
    expect(() => readIdentityFile(path)).toThrow(/not an identity file/)
    const other = inside()
    createSecretFile(other, new Uint8Array(74))
    expect(() => readIdentityFile(other)).toThrow(/not an identity file/)
  })
})

describe('publicKeyOf', () => {
  it('agrees with noble', () => {
    const secret = Uint8Array.from({ length: 32 }, (_, i) => i + 1)
    expect(publicKeyOf('ed25519', secret)).toEqual(ed25519.getPublicKey(secret))
    expect(publicKeyOf('x25519', secret)).toEqual(x25519.getPublicKey(secret))
  })
})

describe('credential file', () => {
  it('holds what signs, and tells the public part', () => {
    const path = inside()
    const publicKey = createCredentialFile(path, 'cred_a')
    const credential = readCredentialFile(path)
    expect(modeOf(path)).toBe(0o600)
    expect(publicPart(credential)).toEqual({ id: 'cred_a', alg: 'ed25519', public_key: toHex(publicKey) })
    const message = Buffer.from('message')
    const jwk = {
      kty: 'OKP',
      crv: 'Ed25519',
      d: Buffer.from(credential.seed).toString('base64url'),
      x: Buffer.from(publicKey).toString('base64url'),
    }
    const key = createPrivateKey({ key: jwk, format: 'jwk' })
    expect(
      verify(null, message, { key: { kty: jwk.kty, crv: jwk.crv, x: jwk.x }, format: 'jwk' }, sign(null, message, key)),
    ).toBe(true)
  })

  it.each([
    ['another id', { id: 'a', alg: 'ed25519', seed: 'A'.repeat(43) }],
    ['another algorithm', { id: 'cred_a', alg: 'p256', seed: 'A'.repeat(43) }],
    ['a short seed', { id: 'cred_a', alg: 'ed25519', seed: 'SECRETSEED' }],
    ['an unknown member', { id: 'cred_a', alg: 'ed25519', seed: 'A'.repeat(43), more: 1 }],
  ])('with %s is refused, and nothing of it told', (_, json) => {
    const path = inside()
    createSecretFile(path, JSON.stringify(json))
    let message = ''
    try {
      readCredentialFile(path)
    } catch (error) {
      message = (error as Error).message
    }
    expect(message).toContain(path)
    expect(message).not.toContain(json.seed)
  })
})
