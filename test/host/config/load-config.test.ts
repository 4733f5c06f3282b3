import { chmodSync, copyFileSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { ensureDevKeys } from '../../../src/host/cli/dev-keys.ts'
import { type DevSet, writeDevSet } from '../../../src/host/cli/dev-set.ts'
import { loadConfig } from '../../../src/host/config/load-config.ts'
import type { Role } from '../../../src/host/config/settings.ts'
import { readSources } from '../../../src/host/config/sources.ts'
import { toHex } from '../../../src/protocol/engine/bytes.ts'
import { sharedDirectory, temporaryDirectory } from '../temporary.ts'

/** A real set's files, as `quorate init` and `quorate roster create` make them. Each test gets its own copy. */
async function makeSet(directory = temporaryDirectory()): Promise<DevSet> {
  const dataDir = join(directory, 'set')
  const rosterHash = await ensureDevKeys(dataDir, 2, 3)
  const ports = { gateway: 3000, coordinator: 9080, signers: [8081, 8082, 8083] }
  return writeDevSet({ dataDir, threshold: 2, parties: 3, rosterHash, ports, logLevel: 'info', curve: 'native' })
}

const load = <R extends Role>(role: R, envFile: string, more: Record<string, string> = {}) =>
  loadConfig(role, readSources(more, envFile))

function problemsOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    expect((error as Error).name).toBe('ConfigError')
    return (error as Error).message
  }
  return ''
}

describe('loadConfig', () => {
  it('U-03 gives a signer all it needs, and no secret', async () => {
    const set = await makeSet()
    const config = load('signer', (set.signers[1] as { envFile: string }).envFile)
    expect(config).toMatchObject({
      role: 'signer',
      name: 'signer-2',
      index: 2,
      listen: { host: '127.0.0.1', port: 8082 },
      dataDir: join(set.dataDir, 'signer-2'),
      identityFile: join(set.dataDir, 'signer-2', 'identity.key'),
      kms: { provider: 'local', file: join(set.dataDir, 'signer-2', 'kms.key') },
      ecdsaEngines: ['hm', 'dkls23'],
      curve: 'native',
      logLevel: 'info',
    })
    expect(config.roster.audience).toBe(set.audience)
    expect(toHex(config.roster.roster.hash)).toBe(set.rosterHash)
    expect(config.coordinators).toHaveLength(1)
    expect(config.credentials.map(({ id, tenant, digest }) => [id, tenant, digest])).toEqual([
      ['cred_gateway', 'dev', true],
      ['cred_client', 'dev', true],
    ])
    const identity = readFileSync(config.identityFile)
    const text = JSON.stringify(config, (_, value) => (value instanceof Uint8Array ? toHex(value) : value))
    expect(text).not.toContain(identity.subarray(10, 42).toString('hex'))
    expect(text).not.toContain('PRIVATE KEY')
  })

  it('gives a coordinator its signers and clients', async () => {
    const set = await makeSet()
    const config = load('coordinator', set.coordinator.envFile)
    expect(config.signers.map(({ index, name, url }) => [index, name, url])).toEqual([
      [1, 'signer-1', 'https://127.0.0.1:8081'],
      [2, 'signer-2', 'https://127.0.0.1:8082'],
      [3, 'signer-3', 'https://127.0.0.1:8083'],
    ])
    expect(config.clients.map(({ name, credentials }) => [name, credentials])).toEqual([
      ['gateway', ['cred_gateway']],
      ['client', ['cred_client']],
    ])
    expect(config).toMatchObject({ role: 'coordinator', defaultThreshold: 2, maxBatch: 256 })
  })

  it('gives a gateway its coordinator and how users prove themselves', async () => {
    const set = await makeSet()
    const config = load('gateway', set.gateway.envFile)
    expect(config).toMatchObject({
      role: 'gateway',
      coordinator: { url: 'https://127.0.0.1:9080' },
      requestLifeMs: 60_000,
      principals: [],
    })
    expect(config.jwt).toMatchObject({ audience: 'quorate-dev', jwks: { keys: [{ kty: 'OKP', alg: 'EdDSA' }] } })
    const pinned = load('signer', (set.signers[0] as { envFile: string }).envFile).coordinators
    expect(pinned).toEqual([config.coordinator.fingerprint])
  })
})

describe('a signer does not start', () => {
  let set: DevSet
  let envFile = ''
  const inDir = (name: string): string => join(set.dataDir, 'signer-1', name)
  const problems = (more: Record<string, string> = {}) => problemsOf(() => load('signer', envFile, more))
  const directory = sharedDirectory()
  beforeAll(async () => {
    set = await makeSet(directory)
    envFile = set.signers[0]?.envFile ?? ''
  })
  it.each([
    [
      'with another roster than the pinned one',
      { QUORATE_ROSTER_HASH: '00'.repeat(32) },
      /QUORATE_ROSTER: .*not the roster that the operator approved/,
    ],
    ['without the pinned hash', { QUORATE_ROSTER_HASH: '' }, /QUORATE_ROSTER_HASH: is ""; allowed: 64 lower-case hex digits/],
    ['under an index that the roster does not have', { QUORATE_INDEX: '9' }, /QUORATE_INDEX: signer 9 is not in the roster/],
    [
      'with another signer’s index',
      { QUORATE_INDEX: '2' },
      /QUORATE_TLS_CERT: .*not the certificate[\s\S]*QUORATE_IDENTITY: .*belongs to signer 1, this is signer 2/,
    ],
    ['without coordinators', { QUORATE_COORDINATORS: '' }, /QUORATE_COORDINATORS: names no coordinator/],
    ['without its KMS file', { QUORATE_KMS_FILE: 'missing.key' }, /QUORATE_KMS_FILE: .*missing\.key/],
    ['without credentials', { QUORATE_CREDENTIALS: 'missing.json' }, /QUORATE_CREDENTIALS: .*missing\.json/],
    ['in a missing directory', { QUORATE_DATA: '/no/such/dir' }, /QUORATE_DATA: .*\/no\/such\/dir/],
    ['with an engine that nobody has', { QUORATE_ECDSA_ENGINES: 'hm,magic' }, /QUORATE_ECDSA_ENGINES/],
  ])('%s', (_, more, why) => expect(problems(more)).toMatch(why))

  it('with secret files that others may read', () => {
    for (const [name, setting] of [
      ['identity.key', 'QUORATE_IDENTITY'],
      ['tls.key', 'QUORATE_TLS_CERT'],
      ['kms.key', 'QUORATE_KMS_FILE'],
    ] as const) {
      chmodSync(inDir(name), 0o644)
      expect(problems()).toMatch(new RegExp(`${setting}: .*${name}`))
      chmodSync(inDir(name), 0o600)
    }
    expect(problems()).toBe('')
  })

  it('with the identity keys of another signer of the same index', async () => {
    const other = await makeSet()
    const saved = `${inDir('identity.key')}.saved`
    copyFileSync(inDir('identity.key'), saved)
    copyFileSync(join(other.dataDir, 'signer-1', 'identity.key'), inDir('identity.key'))
    expect(problems()).toMatch(/QUORATE_IDENTITY: .*other keys than the roster names for signer 1/)
    copyFileSync(saved, inDir('identity.key'))
  })

  it('and names everything that is wrong at once', () => {
    const text = problems({ QUORATE_INDEX: '2', QUORATE_KMS_FILE: 'a', QUORATE_CREDENTIALS: 'b', QUORATE_COORDINATORS: '' })
    for (const setting of [
      'QUORATE_TLS_CERT',
      'QUORATE_IDENTITY',
      'QUORATE_KMS_FILE',
      'QUORATE_CREDENTIALS',
      'QUORATE_COORDINATORS',
    ]) {
      expect(text).toContain(`${setting}: `)
    }
  })
})

describe('a gateway does not start', () => {
  let set: DevSet
  const problems = (more: Record<string, string>) => problemsOf(() => load('gateway', set.gateway.envFile, more))
  const directory = sharedDirectory()
  beforeAll(async () => {
    set = await makeSet(directory)
  })
  it('with a JWK set that holds a private key', () => {
    const file = join(set.dataDir, 'private.json')
    const json = JSON.parse(readFileSync(join(set.dataDir, 'jwks.json'), 'utf8'))
    writeFileSync(file, JSON.stringify({ keys: [{ ...json.keys[0], d: 'secret' }] }))
    expect(problems({ QUORATE_JWKS: file })).toMatch(/QUORATE_JWKS: .*private or symmetric/)
  })
  it('with a principal that stands twice', () => {
    const file = join(set.dataDir, 'principals.json')
    const principal = { name: 'alice', fingerprint: '0a'.repeat(32), scopes: ['sign'] }
    writeFileSync(file, JSON.stringify({ principals: [principal] }))
    expect(problems({ QUORATE_PRINCIPALS: file })).toBe('')
    writeFileSync(file, JSON.stringify({ principals: [principal, { ...principal, name: 'bob' }] }))
    expect(problems({ QUORATE_PRINCIPALS: file })).toMatch(/QUORATE_PRINCIPALS: .*stands twice/)
  })
  it('when nobody could authenticate, or tokens are half configured', () => {
    const file = join(set.dataDir, 'no-jwt.env')
    writeFileSync(file, readFileSync(set.gateway.envFile, 'utf8').replaceAll(/^QUORATE_J(WT_ISSUER|WT_AUDIENCE|WKS)=.*$/gm, ''))
    expect(problemsOf(() => load('gateway', file))).toMatch(/nobody could authenticate/)
    expect(problemsOf(() => load('gateway', file, { QUORATE_JWT_ISSUER: 'x' }))).toMatch(/go together/)
  })
  it('with a coordinator that is no origin', () =>
    expect(problems({ QUORATE_COORDINATOR: 'http://127.0.0.1:1' })).toMatch(/QUORATE_COORDINATOR: is/))
})

describe('a coordinator does not start', () => {
  it('with a threshold above the number of signers, or without clients', async () => {
    const set = await makeSet()
    const problems = (more: Record<string, string>) => problemsOf(() => load('coordinator', set.coordinator.envFile, more))
    expect(problems({ QUORATE_THRESHOLD: '4' })).toMatch(/QUORATE_THRESHOLD: is 4; the roster has 3 signers/)
    rmSync(join(set.dataDir, 'coordinator', 'clients.json'))
    expect(problems({})).toMatch(/QUORATE_CLIENTS: .*clients\.json/)
  })
})

describe('a development set', () => {
  it('keeps every secret in a file of mode 0600', async () => {
    const { dataDir } = await makeSet()
    const open: string[] = []
    for (const entry of readdirSync(dataDir, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const path = join(entry.parentPath, entry.name)
      if ((statSync(path).mode & 0o077) !== 0) open.push(path)
    }
    const names = new Set(open.map((path) => path.split('/').at(-1)))
    const publicNames = [
      'ca.crt',
      'client.crt',
      'clients.json',
      'credentials.json',
      'host.env',
      'ids.json',
      'jwks.json',
      'roster.json',
      'set.json',
      'tls.crt',
    ]
    expect([...names].sort()).toEqual(publicNames)
    for (const path of open) expect(readFileSync(path, 'latin1')).not.toMatch(/PRIVATE|"d"|"seed"/)
  })
})
