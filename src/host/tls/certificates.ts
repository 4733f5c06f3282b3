import { createPrivateKey, KeyObject, webcrypto } from 'node:crypto'
import 'reflect-metadata' // tsyringe, below @peculiar/x509, does not load without it
import * as x509 from '@peculiar/x509'

const CURVE = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const DAY_MS = 86_400_000
/** Two hosts' clocks differ; a certificate of this minute must be valid everywhere. */
const BACKDATED_MS = DAY_MS

/** A certificate and its private key, both PEM (PKCS #8 for the key). */
export interface CertifiedKey {
  readonly certificate: string
  readonly key: string
}

export interface LeafOptions {
  /** Common name, for people; nothing decides by it. */
  readonly name: string
  /** Host names and addresses that a client may connect to; with none it is a client's certificate only. */
  readonly hosts: readonly string[]
  readonly days: number
}

/** Every address under which a host of a local set is reached. */
export const LOOPBACK_HOSTS = ['localhost', '127.0.0.1', '::1']

/** A certificate authority for one set on one machine. */
export async function createAuthority(name: string, days: number): Promise<CertifiedKey> {
  const keys = await generate()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(name, days),
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return pem(certificate, keys)
}

/** A host's certificate that vouches for itself: for peers that pin its fingerprint. */
export async function createSelfSigned(options: LeafOptions): Promise<CertifiedKey> {
  const keys = await generate()
  const extensions = await leafExtensions(options, keys)
  return pem(
    await x509.X509CertificateGenerator.createSelfSigned({ ...validity(options.name, options.days), keys, extensions }),
    keys,
  )
}

/** A certificate issued by an authority, for clients that know only that. */
export async function issueCertificate(authority: CertifiedKey, options: LeafOptions): Promise<CertifiedKey> {
  const keys = await generate()
  const issuer = new x509.X509Certificate(authority.certificate)
  const der = createPrivateKey(authority.key).export({ type: 'pkcs8', format: 'der' })
  try {
    const certificate = await x509.X509CertificateGenerator.create({
      ...validity(options.name, options.days),
      issuer: issuer.subject,
      signingKey: await webcrypto.subtle.importKey('pkcs8', Uint8Array.from(der), CURVE, false, ['sign']),
      signingAlgorithm: CURVE,
      publicKey: keys.publicKey,
      extensions: [...(await leafExtensions(options, keys)), await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey)],
    })
    return pem(certificate, keys)
  } finally {
    der.fill(0)
  }
}

const generate = () => webcrypto.subtle.generateKey(CURVE, true, ['sign', 'verify'])

function validity(name: string, days: number) {
  const now = Date.now()
  // RFC 5280 4.1.2.2: positive and at most 20 octets.
  const serialNumber = Buffer.from(
    webcrypto.getRandomValues(new Uint8Array(16)).map((byte, i) => (i === 0 ? (byte & 0x7f) | 1 : byte)),
  )
  return {
    serialNumber: serialNumber.toString('hex'),
    name: `CN=${name}`,
    subject: `CN=${name}`,
    notBefore: new Date(now - BACKDATED_MS),
    notAfter: new Date(now + days * DAY_MS),
    signingAlgorithm: CURVE,
  }
}

async function leafExtensions({ hosts }: LeafOptions, keys: webcrypto.CryptoKeyPair): Promise<x509.Extension[]> {
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    // A coordinator is a server to its clients and a client to its signers, with one certificate.
    new x509.ExtendedKeyUsageExtension(hosts.length > 0 ? [serverAuth, clientAuth] : [clientAuth]),
    await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ...(hosts.length > 0
      ? [new x509.SubjectAlternativeNameExtension(hosts.map((host) => ({ type: isAddress(host) ? 'ip' : 'dns', value: host })))]
      : []),
  ]
}

const isAddress = (host: string): boolean => /^[0-9.]+$/.test(host) || host.includes(':')

async function pem(certificate: x509.X509Certificate, keys: webcrypto.CryptoKeyPair): Promise<CertifiedKey> {
  const key = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' })
  return { certificate: `${certificate.toString('pem')}\n`, key: key.toString() }
}
