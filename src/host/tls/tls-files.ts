import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readSecretFile } from '../config/secret-file.ts'

const MAX_PEM = 1 << 16

export interface TlsFiles {
  /** PEM, PKCS #8 or SEC 1, without passphrase, mode 0600. */
  readonly keyFile: string
  /** PEM; the host's own certificate first. */
  readonly certFile: string
}

/** SHA-256 of the DER of the first certificate in a PEM text: 64 lower-case hex digits, as peers pin it. */
export const fingerprintOf = (certificate: string): string =>
  new X509Certificate(certificate).fingerprint256.replaceAll(':', '').toLowerCase()

/** Key and certificate as PEM, for a TLS server or client. @throws Error on a key that others may read. */
export function readTls(files: TlsFiles): {
  readonly key: string
  readonly cert: string
} {
  const key = Buffer.from(readSecretFile(files.keyFile, MAX_PEM).buffer)
  try {
    return { key: key.toString('latin1'), cert: readFileSync(files.certFile, 'latin1') }
  } finally {
    key.fill(0)
  }
}

/**
 * Checks that the files are what TLS needs and belong together.
 * @returns the certificate's fingerprint. @throws Error naming the file.
 */
export function checkTlsFiles(files: TlsFiles): string {
  const { key, cert } = readTls(files)
  const certificate = attempt(`${files.certFile} holds no PEM certificate`, () => new X509Certificate(cert))
  const privateKey = attempt(`${files.keyFile} holds no PEM private key without passphrase`, () => createPrivateKey(key))
  if (!certificate.checkPrivateKey(privateKey)) throw new Error(`${files.keyFile} is not the key of ${files.certFile}`)
  if (certificate.validToDate.getTime() < Date.now()) throw new Error(`${files.certFile} expired on ${certificate.validTo}`)
  return fingerprintOf(cert)
}

function attempt<T>(otherwise: string, work: () => T): T {
  try {
    return work()
  } catch {
    // OpenSSL's own text says nothing to an operator, and of a key nothing should be said.
    throw new Error(otherwise)
  }
}
