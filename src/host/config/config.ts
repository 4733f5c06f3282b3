import type { EcdsaEngine } from '../../actors/engine-choice.ts'
import type { Credential } from '../../protocol/request/authorize.ts'
import type { LogLevel } from '../log.ts'
import type { ClientEntry, PrincipalEntry } from './access-files.ts'
import type { RosterFile, SignerAddress } from './roster-file.ts'

/**
 * A host's configuration, checked. It holds public values and the paths of secret files, never a secret: it may be logged
 * whole. Paths are absolute, fingerprints are 64 lower-case hex digits.
 */
interface HostConfig {
  /** For logs, errors and metrics. */
  readonly name: string
  readonly dataDir: string
  readonly listen: { readonly host: string; readonly port: number }
  /** Read with `readTls` of src/host/tls/tls-files.ts. */
  readonly tls: { readonly keyFile: string; readonly certFile: string }
  readonly roster: RosterFile
  /** Addresses and networks that may connect; nobody else. */
  readonly allowFrom: readonly string[]
  readonly logLevel: LogLevel
  readonly curve: 'native' | 'noble'
  readonly storeFile: string
}

export interface SignerConfig extends HostConfig {
  readonly role: 'signer'
  readonly index: number
  /** Read with `readIdentityFile`, where the secrets are going to live. */
  readonly identityFile: string
  /** Certificate fingerprints of the coordinators. */
  readonly coordinators: readonly string[]
  readonly credentials: readonly Credential[]
  readonly ecdsaEngines: readonly EcdsaEngine[]
  readonly kms: { readonly provider: 'local'; readonly file: string }
}

export interface CoordinatorConfig extends HostConfig {
  readonly role: 'coordinator'
  /** By ascending index. */
  readonly signers: readonly SignerAddress[]
  readonly clients: readonly ClientEntry[]
  readonly defaultThreshold: number
  /** The preferred one first. Empty: ECDSA keys can be made but not signed with. */
  readonly ecdsaEngines: readonly EcdsaEngine[]
  readonly maxBatch: number
  /** Per mailbox. */
  readonly maxQueue: number
  /** Per mailbox. */
  readonly batchesInFlight: number
  readonly signTimeoutMs: number
  readonly workers: number
}

export interface GatewayConfig extends HostConfig {
  readonly role: 'gateway'
  readonly coordinator: { readonly url: string; readonly fingerprint: string }
  /** Read with `readCredentialFile`. */
  readonly credentialFile: string
  /** Bearer tokens; undefined: client certificates only. */
  readonly jwt: { readonly issuer: string; readonly audience: string; readonly jwks: Jwks } | undefined
  readonly principals: readonly PrincipalEntry[]
  /** Of keys whose request names none. */
  readonly defaultThreshold: number
  /** Of one principal. */
  readonly ratePerSecond: number
  readonly maxCalls: number
  readonly requestLifeMs: number
}

/** A JWK set of public keys (RFC 7517). */
export interface Jwks {
  readonly keys: readonly { readonly kty: string; readonly [member: string]: unknown }[]
}

export interface Configs {
  readonly signer: SignerConfig
  readonly coordinator: CoordinatorConfig
  readonly gateway: GatewayConfig
}
