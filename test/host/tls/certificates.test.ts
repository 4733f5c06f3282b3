import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { chmodSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  type CertifiedKey,
  createAuthority,
  createSelfSigned,
  issueCertificate,
  LOOPBACK_HOSTS,
} from '../../../src/host/tls/certificates.ts'
import { checkTlsFiles, fingerprintOf, readTls } from '../../../src/host/tls/tls-files.ts'
import { temporaryDirectory } from '../temporary.ts'

const leaf = { name: 'gateway', hosts: LOOPBACK_HOSTS, days: 30 }

/** One request over real TLS; the status, or the code of what went wrong. */
async function visit(server: CertifiedKey, client: { ca: string; host?: string; identity?: CertifiedKey }): Promise<string> {
  const listening = createServer(
    { key: server.key, cert: server.certificate, requestCert: true, rejectUnauthorized: false },
    (req, res) => res.end((req.socket as TLSSocket).getPeerX509Certificate()?.subject ?? 'anonymous'),
  )
  onTestFinished(() => void listening.close())
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
  const { port } = listening.address() as AddressInfo
  return new Promise((resolve) => {
    const options = {
      port,
      host: '127.0.0.1',
      // Without a name Node checks the address.
      ...(client.host === '127.0.0.1' ? {} : { servername: client.host ?? 'localhost' }),
      ca: client.ca,
      agent: false,
      ...(client.identity === undefined ? {} : { key: client.identity.key, cert: client.identity.certificate }),
    }
    request(options, (res) => res.on('data', (text) => resolve(String(text))))
      .on('error', (error) => resolve((error as NodeJS.ErrnoException).code ?? error.message))
      .end()
  })
}

describe('an authority', () => {
  it('issues certificates for loopback that clients of its certificate accept', async () => {
    const authority = await createAuthority('Test CA', 30)
    const server = await issueCertificate(authority, leaf)
    expect(await visit(server, { ca: authority.certificate })).toBe('anonymous')
    expect(await visit(server, { ca: authority.certificate, host: '127.0.0.1' })).toBe('anonymous')
    const certificate = new X509Certificate(server.certificate)
    expect(certificate.subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1')
    expect(certificate.ca).toBe(false)
    expect(certificate.checkIssued(new X509Certificate(authority.certificate))).toBe(true)
  })

  it('is not taken for another authority of the same name', async () => {
    const [one, other] = [await createAuthority('Test CA', 30), await createAuthority('Test CA', 30)]
    expect(await visit(await issueCertificate(one, leaf), { ca: other.certificate })).not.toBe('anonymous')
  })

  it('vouches for the names it was asked to, and no other', async () => {
    const authority = await createAuthority('Test CA', 30)
    const server = await issueCertificate(authority, leaf)
    expect(await visit(server, { ca: authority.certificate, host: 'example.org' })).toBe('ERR_TLS_CERT_ALTNAME_INVALID')
  })

  it('issues certificates for clients that are no good for servers', async () => {
    const authority = await createAuthority('Test CA', 30)
    const server = await issueCertificate(authority, leaf)
    const client = await issueCertificate(authority, { name: 'client', hosts: [], days: 30 })
    expect(await visit(server, { ca: authority.certificate, identity: client })).toBe('CN=client')
    expect(await visit(client, { ca: authority.certificate })).toBe('INVALID_PURPOSE')
  })
})

describe('a self-signed certificate', () => {
  it('vouches for itself and is told by its fingerprint', async () => {
    const [one, other] = [await createSelfSigned(leaf), await createSelfSigned(leaf)]
    expect(await visit(one, { ca: one.certificate })).toBe('anonymous')
    expect(fingerprintOf(one.certificate)).toMatch(/^[0-9a-f]{64}$/)
    expect(fingerprintOf(one.certificate)).not.toBe(fingerprintOf(other.certificate))
  })
})

describe('TLS files', () => {
  const write = async (change: (files: CertifiedKey) => CertifiedKey | Promise<CertifiedKey> = (same) => same) => {
    const directory = temporaryDirectory()
    const made = await change(await createSelfSigned(leaf))
    const files = { keyFile: join(directory, 'tls.key'), certFile: join(directory, 'tls.crt') }
    writeFileSync(files.keyFile, made.key, { mode: 0o600 })
    writeFileSync(files.certFile, made.certificate)
    return { files, made }
  }

  it('are checked and read', async () => {
    const { files, made } = await write()
    expect(checkTlsFiles(files)).toBe(fingerprintOf(made.certificate))
    expect(readTls(files)).toEqual({ key: made.key, cert: made.certificate })
  })

  it.each([
    [
      'a key of another certificate',
      async ({ certificate }: CertifiedKey) => ({ certificate, key: (await createSelfSigned(leaf)).key }),
      /is not the key of/,
    ],
    ['no certificate', ({ key }: CertifiedKey) => ({ key, certificate: 'hello' }), /tls\.crt holds no PEM certificate/],
    ['no key', ({ certificate }: CertifiedKey) => ({ certificate, key: 'hello' }), /tls\.key holds no PEM private key/],
    [
      'a key with a passphrase',
      ({ certificate }: CertifiedKey) => ({
        certificate,
        key: String(
          generateKeyPairSync('ec', {
            namedCurve: 'P-256',
            publicKeyEncoding: { type: 'spki', format: 'pem' },
            privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
          }).privateKey,
        ),
      }),
      /without passphrase/,
    ],
    ['an expired certificate', async () => createSelfSigned({ ...leaf, days: -0.5 }), /expired on/],
  ])('with %s are refused', async (_, change, why) => {
    const { files } = await write(change)
    expect(() => checkTlsFiles(files)).toThrow(why)
  })

  it('with a key that others may read are refused', async () => {
    const { files } = await write()
    chmodSync(files.keyFile, 0o640)
    expect(() => checkTlsFiles(files)).toThrow(/may be read by others/)
  })
})
