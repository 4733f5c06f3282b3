import { ECDSA_ENGINES } from '../../actors/engine-choice.ts'
import { MAX_BATCH } from '../../protocol/signing/batch.ts'
import { LOG_LEVELS } from '../log.ts'
import {
  address,
  hash,
  hostName,
  integer,
  listOf,
  network,
  oneOf,
  optional,
  origin,
  path,
  required,
  text,
  thresholdOf,
  withDefault,
} from './setting.ts'

export const ROLES = ['gateway', 'coordinator', 'signer'] as const
export type Role = (typeof ROLES)[number]

const level = withDefault(oneOf(...LOG_LEVELS), 'info', 'how much is logged')
const curve = withDefault(
  oneOf('native', 'noble'),
  'native',
  'curve code: native is constant-time and fast, noble is portable JavaScript',
)

export const HOST = {
  QUORATE_DATA: required(path, 'directory of this host’s files; other paths are relative to it'),
  QUORATE_NAME: optional(hostName, 'name in logs and errors; a signer has the name that the roster gives it'),
  QUORATE_LISTEN: withDefault(address, '127.0.0.1', 'address to listen on'),
  QUORATE_TLS_KEY: withDefault(path, 'tls.key', 'private key of the TLS certificate, PEM, mode 0600'),
  QUORATE_TLS_CERT: withDefault(path, 'tls.crt', 'TLS certificate, PEM, with intermediates if any'),
  QUORATE_ROSTER: withDefault(path, 'roster.json', 'the roster: public keys, fingerprints and addresses of the signers'),
  QUORATE_ROSTER_HASH: required(hash, 'hash of the roster, pinned; a host refuses to start with any other roster'),
  QUORATE_ALLOW_FROM: withDefault(
    listOf(network, 256),
    '0.0.0.0/0,::/0',
    'who may connect at all, by address; the default is everybody',
  ),
  QUORATE_LOG_LEVEL: level,
  QUORATE_CURVE: curve,
} as const

export const SIGNER = {
  ...HOST,
  QUORATE_PORT: withDefault(integer(0, 65535), '8081', 'port to listen on; 0 takes a free one'),
  QUORATE_INDEX: required(integer(1, 65534), 'index of this signer in the roster'),
  QUORATE_IDENTITY: withDefault(path, 'identity.key', 'identity keys, made by quorate init, mode 0600'),
  QUORATE_COORDINATORS: required(listOf(hash, 16), 'TLS certificate fingerprints of the coordinators; nobody else may connect'),
  QUORATE_CREDENTIALS: withDefault(
    path,
    'credentials.json',
    'who may ask: id, tenant, alg, public_key, digest of each credential',
  ),
  QUORATE_ECDSA_ENGINES: withDefault(
    listOf(oneOf(...ECDSA_ENGINES), 4),
    ECDSA_ENGINES.join(),
    'ECDSA engines this signer takes part in',
  ),
  QUORATE_KMS: withDefault(oneOf('local'), 'local', 'what unwraps the data key at start'),
  QUORATE_KMS_FILE: withDefault(path, 'kms.key', 'master key of the local KMS, mode 0600'),
  QUORATE_STORE: withDefault(path, 'signer.sqlite', 'database file'),
} as const

export const COORDINATOR = {
  ...HOST,
  QUORATE_PORT: withDefault(integer(0, 65535), '9080', 'port to listen on; 0 takes a free one'),
  QUORATE_CLIENTS: withDefault(
    path,
    'clients.json',
    'who may connect: name, certificate fingerprint, credentials of each client',
  ),
  QUORATE_THRESHOLD: withDefault(integer(2, 16), '2', 'the set’s usual threshold: what readiness is judged by'),
  QUORATE_ECDSA_ENGINES: withDefault(
    listOf(oneOf(...ECDSA_ENGINES), 4),
    ECDSA_ENGINES.join(),
    'ECDSA engines used, the preferred one first: hm is fast and needs 2t-1 signers, dkls23 needs t; empty: no ECDSA',
  ),
  QUORATE_MAX_BATCH: withDefault(integer(1, MAX_BATCH), String(MAX_BATCH), 'signatures in one batch'),
  QUORATE_MAX_QUEUE: withDefault(integer(1, 100_000), '4096', 'requests waiting in one mailbox; above it: 503 overloaded'),
  QUORATE_BATCHES_IN_FLIGHT: withDefault(
    integer(1, 64),
    '4',
    'batches of one mailbox under way at a time; beyond two, large ones only',
  ),
  QUORATE_SIGN_TIMEOUT_MS: withDefault(integer(100, 60_000), '10000', 'longest life of a signing session'),
  QUORATE_STORE: withDefault(path, 'coordinator.sqlite', 'database file'),
  QUORATE_WORKERS: withDefault(integer(1, 64), '1', 'worker threads that combine and verify signatures'),
} as const

export const GATEWAY = {
  ...HOST,
  QUORATE_PORT: withDefault(integer(0, 65535), '3000', 'port to listen on; 0 takes a free one'),
  QUORATE_COORDINATOR: required(origin, 'the coordinator'),
  QUORATE_COORDINATOR_FINGERPRINT: required(hash, 'fingerprint of the coordinator’s TLS certificate'),
  QUORATE_CREDENTIAL: withDefault(path, 'credential.json', 'the gateway’s own credential: id, alg, seed, mode 0600'),
  QUORATE_THRESHOLD: withDefault(integer(2, 16), '2', 'threshold of new keys whose request names none'),
  QUORATE_JWT_ISSUER: optional(text(512), 'the iss of bearer tokens; with it go the next two'),
  QUORATE_JWT_AUDIENCE: optional(text(512), 'the aud of bearer tokens'),
  QUORATE_JWKS: optional(path, 'public keys of the issuer, a JWK set'),
  QUORATE_PRINCIPALS: optional(path, 'users known by client certificate: name, fingerprint, scopes of each'),
  QUORATE_RATE_PER_SECOND: withDefault(
    integer(1, 1_000_000),
    '1000',
    'calls a second of one principal; above it: 429 rate_limited',
  ),
  QUORATE_MAX_CALLS: withDefault(integer(1, 100_000), '4096', 'calls open at a time; above it: 503 overloaded'),
  QUORATE_REQUEST_LIFE_MS: withDefault(integer(1_000, 86_400_000), '60000', 'life of the request documents it signs'),
  QUORATE_STORE: withDefault(path, 'gateway.sqlite', 'database file'),
} as const

/** `quorate dev` and `quorate start`: a whole set on this machine. */
export const DEV = {
  QUORATE_DATA: withDefault(path, '.quorate', 'directory of the whole set'),
  QUORATE_SET: withDefault(thresholdOf, '2-of-3', 'threshold and number of signers'),
  QUORATE_GATEWAY_PORT: withDefault(integer(1, 65535), '3000', 'port of the gateway'),
  QUORATE_COORDINATOR_PORT: withDefault(integer(1, 65535), '9080', 'port of the coordinator'),
  QUORATE_SIGNER_PORT: withDefault(integer(1, 65520), '8081', 'port of signer 1; the others follow'),
  QUORATE_LOG_LEVEL: level,
  QUORATE_CURVE: curve,
} as const

export const SETTINGS = { gateway: GATEWAY, coordinator: COORDINATOR, signer: SIGNER, dev: DEV } as const

/** QUORATE_ names that are no settings: the role itself, and switches of bin/ and of the tests. */
export const OTHER_NAMES: readonly string[] = ['QUORATE_ROLE', 'QUORATE_INSTALL', 'QUORATE_LONG']
