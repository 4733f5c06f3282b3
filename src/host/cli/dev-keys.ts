import { generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { exportJWK } from 'jose'
import { z } from 'zod'
import { toHex } from '../../protocol/engine/bytes.ts'
import { createCredentialFile } from '../config/credential-file.ts'
import { formatJson, readJsonFile } from '../config/json-file.ts'
import { makeRosterFile, ROSTER_SIGNER } from '../config/roster-file.ts'
import { createSecretFile } from '../config/secret-file.ts'
import { type CertifiedKey, createAuthority, issueCertificate } from '../tls/certificates.ts'
import { initHost, type PublicIds } from './init-host.ts'

/** Files of a development set beside its hosts' directories; the secret ones have mode 0600. */
export const DEV_FILES = {
  /** What cannot be changed later: size, threshold, roster hash. Written last. */
  set: 'set.json',
  ca: 'ca.crt',
  caKey: 'ca.key',
  roster: 'roster.json',
  issuerKey: 'issuer.key',
  jwks: 'jwks.json',
  token: 'token',
  clientCertificate: 'client.crt',
  clientKey: 'client.key',
  credential: 'credential.json',
} as const

/** In each host's directory: what `quorate init` printed. */
export const IDS_FILE = 'ids.json'
export const CLIENT_CREDENTIAL = 'cred_client'
export const ISSUER_KEY_ID = 'dev'
const DAYS = 3650

export const signerNames = (parties: number): readonly string[] => Array.from({ length: parties }, (_, i) => `signer-${i + 1}`)

const SET = z.strictObject({
  version: z.literal(1),
  threshold: z.int(),
  parties: z.int(),
  roster_hash: z.string().regex(/^[0-9a-f]{64}$/),
})

/**
 * Makes all keys of a set, unless the directory holds them already: those of each host with `quorate init`, an authority for
 * TLS, an issuer of tokens, and a client of the coordinator.
 * @returns the roster's hash, to be pinned.
 * @throws Error if the directory holds a set of another size or threshold: its keys were shared for that one (decisions.md 7).
 */
export async function ensureDevKeys(dataDir: string, threshold: number, parties: number): Promise<string> {
  const file = join(dataDir, DEV_FILES.set)
  if (!existsSync(file)) await createDevKeys(dataDir, threshold, parties)
  const set = readJsonFile(file, SET)
  if (set.threshold !== threshold || set.parties !== parties) {
    throw new Error(
      `${dataDir} holds a set of ${set.threshold}-of-${set.parties}, asked for is ${threshold}-of-${parties}. ` +
        'Keys belong to the set that made them: choose another directory with --data, or move this one away.',
    )
  }
  return set.roster_hash
}

/** Everything is made in a directory beside and moved into place at the end: an interrupted start leaves no half set. */
async function createDevKeys(dataDir: string, threshold: number, parties: number): Promise<void> {
  if (existsSync(dataDir) && readdirSync(dataDir).length > 0) {
    throw new Error(`${dataDir} holds something else than a Quorate set; choose another directory with --data`)
  }
  mkdirSync(dirname(dataDir), { recursive: true, mode: 0o700 })
  // A name that nobody could have taken before us: in /tmp a prepared directory would be somebody else's, keys and all.
  const temporary = mkdtempSync(`${dataDir}.new-`)
  try {
    await fill(temporary, threshold, parties)
    renameSync(temporary, dataDir)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

async function fill(dir: string, threshold: number, parties: number): Promise<void> {
  const file = (name: string): string => join(dir, name)
  const authority = await createAuthority('Quorate development CA', DAYS)
  createSecretFile(file(DEV_FILES.caKey), authority.key)
  writeFileSync(file(DEV_FILES.ca), authority.certificate)

  const signers: PublicIds[] = []
  for (const [i, name] of signerNames(parties).entries())
    signers.push(await initDevHost(dir, { role: 'signer', index: i + 1, name }))
  await initDevHost(dir, { role: 'coordinator', name: 'coordinator', authority })
  await initDevHost(dir, { role: 'gateway', name: 'gateway', authority })

  const client = await issueCertificate(authority, { name: 'client', hosts: [], days: DAYS })
  createSecretFile(file(DEV_FILES.clientKey), client.key)
  writeFileSync(file(DEV_FILES.clientCertificate), client.certificate)
  createCredentialFile(file(DEV_FILES.credential), CLIENT_CREDENTIAL)

  const issuer = generateKeyPairSync('ed25519')
  createSecretFile(file(DEV_FILES.issuerKey), issuer.privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const jwk = { ...(await exportJWK(issuer.publicKey)), kid: ISSUER_KEY_ID, alg: 'EdDSA', use: 'sig' }
  writeFileSync(file(DEV_FILES.jwks), formatJson({ keys: [jwk] }))

  const { roster } = makeRosterFile(
    1,
    signers.map(({ role: _, ...ids }) => ROSTER_SIGNER.parse(ids)),
  )
  writeFileSync(file(DEV_FILES.set), formatJson({ version: 1, threshold, parties, roster_hash: toHex(roster.hash) }))
}

async function initDevHost(
  dir: string,
  options: { role: PublicIds['role']; index?: number; name: string; authority?: CertifiedKey },
): Promise<PublicIds> {
  const dataDir = join(dir, options.name)
  // The real port is known, and put into the roster, at each start; addresses are not part of the roster's hash.
  const ids = await initHost({ ...options, host: '127.0.0.1', port: 1, dataDir })
  writeFileSync(join(dataDir, IDS_FILE), formatJson(ids))
  return ids
}
