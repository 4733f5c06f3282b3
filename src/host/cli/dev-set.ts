import { createPrivateKey } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeJwt, SignJWT } from 'jose'
import { z } from 'zod'
import { publicPart, readCredentialFile } from '../config/credential-file.ts'
import { formatEnvFile } from '../config/env-file.ts'
import { formatJson, readJsonFile } from '../config/json-file.ts'
import { formatRosterFile, makeRosterFile, ROSTER_SIGNER, readRosterFile } from '../config/roster-file.ts'
import { readSecretFile } from '../config/secret-file.ts'
import type { Role } from '../config/settings.ts'
import { SCOPES } from '../gateway/principal.ts'
import { openDatabase } from '../store/database.ts'
import { StoreError } from '../store/store-error.ts'
import { fingerprintOf } from '../tls/tls-files.ts'
import { CLIENT_CREDENTIAL, DEV_FILES, IDS_FILE, ISSUER_KEY_ID, signerNames } from './dev-keys.ts'
import { ENV_FILE } from './host-command.ts'
import { FILES } from './init-host.ts'

export interface DevPorts {
  readonly gateway: number
  readonly coordinator: number
  /** By ascending index. */
  readonly signers: readonly number[]
}

export interface DevOptions {
  readonly dataDir: string
  readonly threshold: number
  readonly parties: number
  /** Pinned when the set was made; see dev-keys.ts. */
  readonly rosterHash: string
  readonly ports: DevPorts
  readonly logLevel: string
  readonly curve: string
}

export interface DevHost {
  readonly role: Role
  readonly name: string
  readonly index?: number
  readonly url: string
  readonly envFile: string
  readonly logFile: string
}

/** A set on this machine, ready to be started. Paths are absolute. */
export interface DevSet {
  readonly dataDir: string
  readonly threshold: number
  readonly parties: number
  readonly audience: string
  readonly rosterFile: string
  readonly rosterHash: string
  readonly gateway: DevHost
  readonly coordinator: DevHost
  readonly signers: readonly DevHost[]
  /** PEM of the authority that issued the certificates of gateway and coordinator. */
  readonly caFile: string
  readonly tokenFile: string
  readonly client: { readonly cert: string; readonly key: string }
  readonly credentialFile: string
}

const SIGNER_IDS = ROSTER_SIGNER.extend({ role: z.literal('signer') })

const JWT_ISSUER = 'https://issuer.quorate.invalid'
const JWT_AUDIENCE = 'quorate-dev'
const TENANT = 'dev'
const DAY_S = 86_400
const TOKEN_LIFE_S = 365 * DAY_S
const TOKEN_RENEWAL_S = 30 * DAY_S

/** "qdev" in the header of the lock file. */
const APPLICATION_ID = 0x71646576

/**
 * Keeps a second `quorate dev` off this directory: it would write its own ports into the files of the running set. A SQLite
 * lock ends with its process, however that ends; a file with a pid in it would not.
 */
export function lockDevSet(dataDir: string): { readonly unlock: () => void } {
  try {
    const lock = openDatabase(join(dataDir, 'dev.lock'), { applicationId: APPLICATION_ID, migrations: [] })
    return { unlock: () => lock.close() }
  } catch (error) {
    if (error instanceof StoreError && error.code === 'LOCKED') throw new Error(`another quorate dev runs the set in ${dataDir}`)
    throw error
  }
}

/** Writes each host's configuration for this start: the keys are what they were, the addresses may be others. */
export async function writeDevSet(options: DevOptions): Promise<DevSet> {
  const { dataDir, threshold, parties, rosterHash, ports } = options
  const file = (...names: string[]): string => join(dataDir, ...names)
  const host = (role: Role, name: string, port: number, index?: number): DevHost => ({
    role,
    name,
    ...(index === undefined ? {} : { index }),
    url: `https://127.0.0.1:${port}`,
    envFile: file(name, ENV_FILE),
    logFile: file(name, 'host.log'),
  })
  const signers = signerNames(parties).map((name, i) => host('signer', name, ports.signers[i] as number, i + 1))
  const coordinator = host('coordinator', 'coordinator', ports.coordinator)
  const gateway = host('gateway', 'gateway', ports.gateway)

  const ids = signers.map(({ name, url }) => {
    const { role: _, ...rest } = readJsonFile(file(name, IDS_FILE), SIGNER_IDS)
    return { ...rest, url }
  })
  const rosterFile = file(DEV_FILES.roster)
  writeWhole(rosterFile, formatRosterFile(makeRosterFile(1, ids)))
  const { audience } = readRosterFile(rosterFile, rosterHash)

  const fingerprint = (...names: string[]): string => fingerprintOf(readFileSync(file(...names), 'latin1'))
  const gatewayCredential = credentialOf(file('gateway', FILES.credential))
  const clientCredential = credentialOf(file(DEV_FILES.credential))
  const clients = [
    { name: 'gateway', fingerprint: fingerprint('gateway', FILES.tlsCertificate), credentials: [gatewayCredential.id] },
    { name: 'client', fingerprint: fingerprint(DEV_FILES.clientCertificate), credentials: [CLIENT_CREDENTIAL] },
  ]
  writeWhole(file('coordinator', 'clients.json'), formatJson({ clients }))
  // Both may sign bare digests; `quorate dev` warns of it (decisions.md 12).
  const credentials = [gatewayCredential, clientCredential].map((credential) => ({ ...credential, tenant: TENANT, digest: true }))
  for (const { name } of signers) writeWhole(file(name, 'credentials.json'), formatJson({ credentials }))

  const settings = (name: string, port: number) => ({
    QUORATE_DATA: file(name),
    QUORATE_NAME: name,
    QUORATE_LISTEN: '127.0.0.1',
    QUORATE_PORT: String(port),
    QUORATE_ROSTER: rosterFile,
    QUORATE_ROSTER_HASH: rosterHash,
    QUORATE_LOG_LEVEL: options.logLevel,
    QUORATE_CURVE: options.curve,
  })
  const write = (to: DevHost, given: Readonly<Record<string, string>>): void =>
    writeWhole(to.envFile, formatEnvFile(to.role, given))
  const coordinatorFingerprint = fingerprint('coordinator', FILES.tlsCertificate)
  for (const [i, signer] of signers.entries()) {
    write(signer, {
      ...settings(signer.name, ports.signers[i] as number),
      QUORATE_INDEX: String(i + 1),
      QUORATE_COORDINATORS: coordinatorFingerprint,
    })
  }
  write(coordinator, { ...settings('coordinator', ports.coordinator), QUORATE_THRESHOLD: String(threshold) })
  write(gateway, {
    ...settings('gateway', ports.gateway),
    QUORATE_COORDINATOR: coordinator.url,
    QUORATE_COORDINATOR_FINGERPRINT: coordinatorFingerprint,
    QUORATE_THRESHOLD: String(threshold),
    QUORATE_JWT_ISSUER: JWT_ISSUER,
    QUORATE_JWT_AUDIENCE: JWT_AUDIENCE,
    QUORATE_JWKS: file(DEV_FILES.jwks),
    // One user, who may be a load generator.
    QUORATE_RATE_PER_SECOND: '1000000',
  })
  await refreshToken(file(DEV_FILES.token), file(DEV_FILES.issuerKey))

  return {
    dataDir,
    threshold,
    parties,
    audience,
    rosterFile,
    rosterHash,
    gateway,
    coordinator,
    signers,
    caFile: file(DEV_FILES.ca),
    tokenFile: file(DEV_FILES.token),
    client: { cert: file(DEV_FILES.clientCertificate), key: file(DEV_FILES.clientKey) },
    credentialFile: file(DEV_FILES.credential),
  }
}

/** The bearer token of the set's one user. */
export const readToken = ({ tokenFile }: DevSet): string => readFileSync(tokenFile, 'latin1')

function credentialOf(path: string) {
  const credential = readCredentialFile(path)
  try {
    return publicPart(credential)
  } finally {
    credential.seed.fill(0)
  }
}

/** A host that is being started by hand meanwhile reads the old file or the new one, never half of it. */
function writeWhole(path: string, text: string): void {
  const temporary = `${path}.new`
  writeFileSync(temporary, text)
  renameSync(temporary, path)
}

/** Keeps the token over restarts, so that what a user pasted somewhere goes on working, and makes a new one in its last month. */
async function refreshToken(tokenFile: string, issuerKeyFile: string): Promise<void> {
  const now = Math.floor(Date.now() / 1000)
  const scope = SCOPES.join(' ')
  // A set of an earlier version: its token lacks the scopes that were added since.
  const known = existsSync(tokenFile) ? decodeJwt(readFileSync(tokenFile, 'latin1')) : {}
  if (known['scope'] === scope && (known.exp ?? 0) > now + TOKEN_RENEWAL_S) return
  const key = Buffer.from(readSecretFile(issuerKeyFile, 4096).buffer)
  try {
    const token = await new SignJWT({ tenant: TENANT, scope })
      .setProtectedHeader({ alg: 'EdDSA', kid: ISSUER_KEY_ID, typ: 'JWT' })
      .setIssuer(JWT_ISSUER)
      .setAudience(JWT_AUDIENCE)
      .setSubject('developer')
      .setIssuedAt(now)
      .setExpirationTime(now + TOKEN_LIFE_S)
      .sign(createPrivateKey(key))
    writeFileSync(tokenFile, token, { mode: 0o600 })
  } finally {
    key.fill(0)
  }
}
