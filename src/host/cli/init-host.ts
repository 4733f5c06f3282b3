import { mkdirSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { toHex, wipe } from '../../protocol/engine/bytes.ts'
import { createCredentialFile, type PublicCredential } from '../config/credential-file.ts'
import { createIdentityFile } from '../config/identity-file.ts'
import { publicKeyOf } from '../config/node-keys.ts'
import { createSecretFile } from '../config/secret-file.ts'
import type { Role } from '../config/settings.ts'
import { createMasterKey } from '../kms/file-kms.ts'
import { type CertifiedKey, createSelfSigned, issueCertificate, LOOPBACK_HOSTS } from '../tls/certificates.ts'
import { fingerprintOf } from '../tls/tls-files.ts'

export interface InitOptions {
  readonly role: Role
  /** Of a signer, 1..65534. */
  readonly index?: number
  readonly name: string
  /** Name or address under which peers reach the host. */
  readonly host: string
  readonly port: number
  readonly dataDir: string
  /** Issues the TLS certificate; without one it is self-signed, which is right for peers that pin it. */
  readonly authority?: CertifiedKey
}

/** What a host tells the others, and nothing that has to be kept from them. Signers' ids go into the roster. */
export interface PublicIds {
  readonly role: Role
  readonly index?: number
  readonly name: string
  readonly url: string
  readonly sign_key?: string
  readonly exchange_key?: string
  readonly tls_fingerprint: string
  /** A gateway's, for the signers' credentials.json and the coordinator's clients.json. */
  readonly credential?: PublicCredential
}

/** Names of the files that the settings have as defaults. */
export const FILES = {
  tlsKey: 'tls.key',
  tlsCertificate: 'tls.crt',
  identity: 'identity.key',
  masterKey: 'kms.key',
  credential: 'credential.json',
} as const

/** A pinned certificate is replaced by the operator's decision, never by its age. */
const CERTIFICATE_DAYS = 3650

/**
 * Makes all keys of one host in its data directory (0700, secret files 0600).
 * @throws Error if one of the files exists: keys that others have pinned are not overwritten.
 */
export async function initHost(options: InitOptions): Promise<PublicIds> {
  const { role, index, name, host, port, dataDir, authority } = options
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const file = (base: string): string => join(dataDir, base)

  const leaf = { name, hosts: isLoopback(host) ? LOOPBACK_HOSTS : [host], days: CERTIFICATE_DAYS }
  const tls = authority === undefined ? await createSelfSigned(leaf) : await issueCertificate(authority, leaf)
  createSecretFile(file(FILES.tlsKey), tls.key)
  writeFileSync(file(FILES.tlsCertificate), tls.certificate, { flag: 'wx' })
  const common = {
    name,
    url: `https://${isIP(host) === 6 ? `[${host}]` : host}:${port}`,
    tls_fingerprint: fingerprintOf(tls.certificate),
  }

  switch (role) {
    case 'coordinator':
      return { role, ...common }
    case 'gateway': {
      const id = `cred_${name.replaceAll('.', '-')}`
      const publicKey = createCredentialFile(file(FILES.credential), id)
      return { role, ...common, credential: { id, alg: 'ed25519', public_key: toHex(publicKey) } }
    }
    case 'signer': {
      if (index === undefined) throw new RangeError('a signer has an index')
      if (!createMasterKey(file(FILES.masterKey))) throw new Error(`${file(FILES.masterKey)} exists already; move it away first`)
      const { signSeed, exchangeSecret } = createIdentityFile(file(FILES.identity), index)
      try {
        return {
          role,
          index,
          ...common,
          sign_key: toHex(publicKeyOf('ed25519', signSeed)),
          exchange_key: toHex(publicKeyOf('x25519', exchangeSecret)),
        }
      } finally {
        wipe(signSeed, exchangeSecret)
      }
    }
  }
}

export const isLoopback = (host: string): boolean => LOOPBACK_HOSTS.includes(host)
