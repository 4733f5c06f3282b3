import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { z } from 'zod'
import { memberOf, type Roster } from '../../protocol/channel/roster.ts'
import { equalBytes, wipe } from '../../protocol/engine/bytes.ts'
import { fileKms } from '../kms/file-kms.ts'
import { checkTlsFiles } from '../tls/tls-files.ts'
import { readClients, readCredentials, readPrincipals } from './access-files.ts'
import type { Configs, GatewayConfig, Jwks } from './config.ts'
import { ProblemList, shown } from './config-error.ts'
import { readCredentialFile } from './credential-file.ts'
import { readIdentityFile } from './identity-file.ts'
import { readJsonFile } from './json-file.ts'
import { publicKeyOf } from './node-keys.ts'
import { type RosterFile, readRosterFile } from './roster-file.ts'
import type { Settings, Values } from './setting.ts'
import { COORDINATOR, GATEWAY, type HOST, type Role, SIGNER } from './settings.ts'
import type { Sources } from './sources.ts'

/** The values of one table. @throws ConfigError with every bad or missing setting. */
export function readSettings<S extends Settings>(table: S, sources: Sources): Values<S> {
  const values: Record<string, unknown> = {}
  const problems = problemsOf(sources)
  for (const [name, setting] of Object.entries(table)) {
    const text = sources.get(name)?.text ?? setting.fallback
    if (text === undefined) problems.add(name, `has to be given: ${setting.about}; allowed: ${setting.allowed}`)
    else if (text !== null) {
      const result = setting.schema.safeParse(text)
      if (result.success) values[name] = result.data
      else problems.add(name, `is ${shown(text)}; allowed: ${setting.allowed}`)
    }
  }
  return problems.finish(values) as Values<S>
}

const problemsOf = (sources: Sources): ProblemList => new ProblemList((setting) => sources.get(setting)?.from ?? 'default')

/**
 * A role's whole configuration. Opens every file it names once, so that a bad one is reported now and by setting, and not by
 * whatever trips over it later.
 * @throws ConfigError with all problems found.
 */
export const loadConfig = <R extends Role>(role: R, sources: Sources): Configs[R] => LOADERS[role](sources)

const LOADERS: { readonly [R in Role]: (sources: Sources) => Configs[R] } = {
  signer: (sources) => {
    const s = readSettings(SIGNER, sources)
    const problems = problemsOf(sources)
    const { at, roster, fingerprint, host } = loadHost(s, problems)
    const index = s.QUORATE_INDEX
    const member = roster && problems.attempt('QUORATE_INDEX', () => memberOf(roster.roster, index))
    if (member && fingerprint && !equalBytes(Buffer.from(fingerprint, 'hex'), member.tlsFingerprint)) {
      problems.add('QUORATE_TLS_CERT', `this is not the certificate that the roster pins for signer ${index}`)
    }
    problems.attempt('QUORATE_IDENTITY', () => checkIdentity(at(s.QUORATE_IDENTITY), index, roster?.roster))
    problems.attempt('QUORATE_KMS_FILE', () => fileKms(at(s.QUORATE_KMS_FILE)))
    if (s.QUORATE_COORDINATORS.length === 0) problems.add('QUORATE_COORDINATORS', 'names no coordinator')
    const credentials = problems.attempt('QUORATE_CREDENTIALS', () => readCredentials(at(s.QUORATE_CREDENTIALS)))
    const found = problems.finish({ roster, credentials })
    return {
      role: 'signer',
      ...host,
      roster: found.roster,
      name: found.roster.signers.find((signer) => signer.index === index)?.name ?? `signer-${index}`,
      index,
      identityFile: at(s.QUORATE_IDENTITY),
      coordinators: s.QUORATE_COORDINATORS,
      credentials: found.credentials,
      ecdsaEngines: s.QUORATE_ECDSA_ENGINES,
      kms: { provider: s.QUORATE_KMS, file: at(s.QUORATE_KMS_FILE) },
    }
  },

  coordinator: (sources) => {
    const s = readSettings(COORDINATOR, sources)
    const problems = problemsOf(sources)
    const { at, roster, host } = loadHost(s, problems)
    const clients = problems.attempt('QUORATE_CLIENTS', () => readClients(at(s.QUORATE_CLIENTS)))
    checkThreshold(s.QUORATE_THRESHOLD, roster, problems)
    const found = problems.finish({ roster, clients })
    return {
      role: 'coordinator',
      ...host,
      roster: found.roster,
      name: s.QUORATE_NAME ?? 'coordinator',
      signers: found.roster.signers,
      clients: found.clients,
      defaultThreshold: s.QUORATE_THRESHOLD,
      ecdsaEngines: s.QUORATE_ECDSA_ENGINES,
      maxBatch: s.QUORATE_MAX_BATCH,
      maxQueue: s.QUORATE_MAX_QUEUE,
      batchesInFlight: s.QUORATE_BATCHES_IN_FLIGHT,
      signTimeoutMs: s.QUORATE_SIGN_TIMEOUT_MS,
      workers: s.QUORATE_WORKERS,
    }
  },

  gateway: (sources) => {
    const s = readSettings(GATEWAY, sources)
    const problems = problemsOf(sources)
    const { at, roster, host } = loadHost(s, problems)
    problems.attempt('QUORATE_CREDENTIAL', () => wipe(readCredentialFile(at(s.QUORATE_CREDENTIAL)).seed))
    const jwt = loadJwt(s, at, problems)
    const file = s.QUORATE_PRINCIPALS
    const principals = file === undefined ? [] : problems.attempt('QUORATE_PRINCIPALS', () => readPrincipals(at(file)))
    if (s.QUORATE_JWT_ISSUER === undefined && file === undefined) {
      problems.add('QUORATE_JWT_ISSUER', 'nobody could authenticate: give this or QUORATE_PRINCIPALS')
    }
    checkThreshold(s.QUORATE_THRESHOLD, roster, problems)
    const found = problems.finish({ roster, principals })
    return {
      role: 'gateway',
      ...host,
      roster: found.roster,
      name: s.QUORATE_NAME ?? 'gateway',
      coordinator: { url: s.QUORATE_COORDINATOR, fingerprint: s.QUORATE_COORDINATOR_FINGERPRINT },
      credentialFile: at(s.QUORATE_CREDENTIAL),
      jwt,
      principals: found.principals,
      defaultThreshold: s.QUORATE_THRESHOLD,
      ratePerSecond: s.QUORATE_RATE_PER_SECOND,
      maxCalls: s.QUORATE_MAX_CALLS,
      requestLifeMs: s.QUORATE_REQUEST_LIFE_MS,
    }
  },
}

function checkThreshold(threshold: number, roster: RosterFile | undefined, problems: ProblemList): void {
  if (roster === undefined || threshold <= roster.signers.length) return
  problems.add('QUORATE_THRESHOLD', `is ${threshold}; the roster has ${roster.signers.length} signers`)
}

type HostSettings = Values<typeof HOST> & { readonly QUORATE_PORT: number; readonly QUORATE_STORE: string }

/** What all roles have; relative paths become absolute here. */
function loadHost(s: HostSettings, problems: ProblemList) {
  const at = (file: string): string => resolve(s.QUORATE_DATA, file)
  const tls = { keyFile: at(s.QUORATE_TLS_KEY), certFile: at(s.QUORATE_TLS_CERT) }
  problems.attempt('QUORATE_DATA', () => {
    if (!statSync(s.QUORATE_DATA).isDirectory()) throw new Error(`${s.QUORATE_DATA} is not a directory`)
  })
  return {
    at,
    roster: problems.attempt('QUORATE_ROSTER', () => readRosterFile(at(s.QUORATE_ROSTER), s.QUORATE_ROSTER_HASH)),
    fingerprint: problems.attempt('QUORATE_TLS_CERT', () => checkTlsFiles(tls)),
    host: {
      dataDir: resolve(s.QUORATE_DATA),
      listen: { host: s.QUORATE_LISTEN, port: s.QUORATE_PORT },
      tls,
      allowFrom: s.QUORATE_ALLOW_FROM,
      logLevel: s.QUORATE_LOG_LEVEL,
      curve: s.QUORATE_CURVE,
      storeFile: at(s.QUORATE_STORE),
    },
  }
}

/** The identity must be the one that the other signers know under this index, or they would refuse every envelope. */
function checkIdentity(file: string, index: number, roster: Roster | undefined): void {
  const identity = readIdentityFile(file)
  try {
    if (identity.id !== index) throw new Error(`${file} belongs to signer ${identity.id}, this is signer ${index}`)
    const member = roster?.members.find((m) => m.id === index)
    if (member === undefined) return
    const same =
      equalBytes(publicKeyOf('ed25519', identity.signSeed), member.signKey) &&
      equalBytes(publicKeyOf('x25519', identity.exchangeSecret), member.exchangeKey)
    if (!same) throw new Error(`${file} holds other keys than the roster names for signer ${index}`)
  } finally {
    wipe(identity.signSeed, identity.exchangeSecret)
  }
}

const JWKS = z.object({
  keys: z
    .array(z.looseObject({ kty: z.string() }).refine((key) => !('d' in key || 'k' in key), 'holds a private or symmetric key'))
    .min(1)
    .max(64),
})

function loadJwt(s: Values<typeof GATEWAY>, at: (file: string) => string, problems: ProblemList): GatewayConfig['jwt'] {
  const { QUORATE_JWT_ISSUER: issuer, QUORATE_JWT_AUDIENCE: audience, QUORATE_JWKS: file } = s
  if (issuer === undefined && audience === undefined && file === undefined) return undefined
  if (issuer === undefined || audience === undefined || file === undefined) {
    problems.add('QUORATE_JWT_ISSUER', 'QUORATE_JWT_ISSUER, QUORATE_JWT_AUDIENCE and QUORATE_JWKS go together')
    return undefined
  }
  const jwks = problems.attempt('QUORATE_JWKS', (): Jwks => readJsonFile(at(file), JWKS))
  return jwks && { issuer, audience, jwks }
}
