import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { quorate } from '../process.ts'
import { temporaryDirectory } from '../temporary.ts'

describe('quorate', () => {
  it('explains itself', async () => {
    for (const args of [[], ['--help'], ['help']]) {
      const { code, out } = await quorate(args)
      expect(code).toBe(0)
      for (const name of [
        'start',
        'dev',
        'init',
        'roster create',
        'host',
        'pairs list',
        'pairs lift',
        'config check',
        'check',
        'bench',
      ])
        expect(out).toContain(`\n  ${name} `)
    }
  })

  it.each([
    'start',
    'dev',
    'init',
    'roster create',
    'host',
    'pairs list',
    'pairs renew',
    'pairs lift',
    'config check',
    'config template',
  ])('%s --help shows its options', async (name) => {
    const { code, out } = await quorate([...name.split(' '), '--help'])
    expect(code).toBe(0)
    expect(out).toContain(`Usage: quorate ${name}`)
    expect(out).toContain('--help')
  })

  it('tells its version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string }
    expect((await quorate(['--version'])).out).toBe(
      `quorate ${version} (Node ${process.versions.node}, ${process.platform} ${process.arch})\n`,
    )
  })

  it.each([
    [['strat'], 'there is no command "strat"; did you mean start?'],
    [['config'], 'which one: quorate config check, quorate config template?'],
    [['dev', '--ephemral'], '"dev" has no option --ephemral; did you mean --ephemeral?'],
    [['pairs'], 'which one: quorate pairs list, quorate pairs renew, quorate pairs lift?'],
    [['host'], 'which role?'],
    [['host', '--role', 'king'], 'there is no role "king"'],
    [['init', '--role', 'signer', '--data', 'x'], 'a signer needs it'],
    [['init', '--role', 'gateway', '--index', '1', '--data', 'x'], '--index belongs to a signer'],
    [['roster', 'create', '--out', 'x', 'one.json'], 'at least two signers'],
  ])('%j is used wrongly: code 2', async (args, why) => {
    const { code, err, out } = await quorate(args)
    expect(err).toContain(why)
    expect(code).toBe(2)
    expect(out).toBe('')
  })

  it.each([
    [
      { QUORATE_GATEWAY_PORT: '80a' },
      [],
      'QUORATE_GATEWAY_PORT: is "80a"; allowed: an integer from 1 to 65535 (from environment)',
    ],
    [{ QUORATE_PROT: '1' }, [], 'QUORATE_PROT: no such setting; did you mean QUORATE_PORT?'],
    [{}, ['--set', '1-of-3'], 'QUORATE_SET: is "1-of-3"; allowed: T-of-N such as 2-of-3, with 2 <= T <= N <= 16 (from --set)'],
  ])('dev explains bad settings %j %j', async (env, args, why) => {
    const { code, err } = await quorate(['dev', '--ephemeral', ...args], env)
    expect(err).toContain(why)
    expect(code).toBe(1)
  })
})

it('names an env file that is missing, or wrong inside', async () => {
  const path = join(temporaryDirectory(), 'a.env')
  // node itself looks for --env-file anywhere on the command line, and comes first.
  expect(await quorate(['dev', '--env-file', path])).toMatchObject({
    code: expect.not.toSatisfy((code) => code === 0),
    err: expect.stringContaining(path),
  })
  writeFileSync(path, 'QUORATE_GATEWAY_PORT=80a\n')
  expect((await quorate(['dev', '--env-file', path])).err).toContain(`allowed: an integer from 1 to 65535 (from ${path})`)
})

/** The operator's way by hand, as the README of src/host describes it; `dev` does the same in one process. */
describe('init, roster create and config check', () => {
  it('take a set from nothing to a configuration that is right', async () => {
    const base = temporaryDirectory()
    const at = (...names: string[]): string => join(base, ...names)
    const init = async (name: string, ...args: string[]) => {
      const { code, out, err } = await quorate(['init', '--data', at(name), ...args])
      expect(err).toBe('')
      expect(code).toBe(0)
      writeFileSync(at(`${name}.json`), out)
      return JSON.parse(out)
    }
    for (const index of ['1', '2', '3']) {
      const ids = await init(`s${index}`, '--role', 'signer', '--index', index, '--host', `s${index}.example.org`)
      expect(ids).toMatchObject({
        role: 'signer',
        index: Number(index),
        name: `signer-${index}`,
        url: `https://s${index}.example.org:8081`,
      })
      for (const file of ['identity.key', 'kms.key', 'tls.key']) expect(statSync(at(`s${index}`, file)).mode & 0o777).toBe(0o600)
    }
    const coordinator = await init('c', '--role', 'coordinator')
    const gateway = await init('g', '--role', 'gateway', '--name', 'front')
    expect(gateway).toMatchObject({ url: 'https://127.0.0.1:3000', credential: { id: 'cred_front', alg: 'ed25519' } })

    const again = await quorate(['init', '--data', at('s1'), '--role', 'signer', '--index', '1'])
    expect(again).toMatchObject({ code: 1, out: '' })
    expect(again.err).toMatch(/tls\.key exists already/)

    const roster = await quorate(['roster', 'create', '--out', at('roster.json'), at('s3.json'), at('s1.json'), at('s2.json')])
    expect(roster.code).toBe(0)
    const hash = /^QUORATE_ROSTER_HASH=([0-9a-f]{64})\n$/.exec(roster.out)?.[1] ?? ''
    expect(hash).not.toBe('')
    expect(await quorate(['roster', 'create', '--out', at('roster.json'), at('s1.json'), at('s2.json')])).toMatchObject({
      code: 1,
    })

    const credential = { ...gateway.credential, tenant: 'main', digest: false }
    const pins = { QUORATE_ROSTER: at('roster.json'), QUORATE_ROSTER_HASH: hash }
    const signer = { ...pins, QUORATE_COORDINATORS: coordinator.tls_fingerprint }
    const check = (dir: string, env: Readonly<Record<string, string>>) => quorate(['config', 'check', '--data', at(dir)], env)

    expect((await check('s1', signer)).err).toMatch(/QUORATE_CREDENTIALS: .*credentials\.json/)
    for (const dir of ['s1', 's2', 's3']) {
      writeFileSync(at(dir, 'credentials.json'), JSON.stringify({ credentials: [credential] }))
      const { code, out } = await check(dir, signer)
      expect(code).toBe(0)
      expect(out).toContain('The signer configuration is right.')
      expect(out).toContain(at(dir, 'host.env'))
    }
    writeFileSync(
      at('c', 'clients.json'),
      JSON.stringify({ clients: [{ name: 'front', fingerprint: gateway.tls_fingerprint, credentials: ['cred_front'] }] }),
    )
    expect((await check('c', pins)).out).toContain('The coordinator configuration is right.')
    writeFileSync(at('g', 'users.json'), JSON.stringify({ principals: [] }))
    const front = {
      ...pins,
      QUORATE_COORDINATOR: coordinator.url,
      QUORATE_COORDINATOR_FINGERPRINT: coordinator.tls_fingerprint,
      QUORATE_PRINCIPALS: 'users.json',
    }
    expect((await check('g', front)).out).toContain('The gateway configuration is right.')
  })

  it('a host with a bad configuration does not start, and says all of it', async () => {
    const { code, err } = await quorate(['host', '--role', 'signer', '--data', temporaryDirectory()])
    expect(code).toBe(1)
    for (const name of ['QUORATE_ROSTER_HASH', 'QUORATE_INDEX', 'QUORATE_COORDINATORS'])
      expect(err).toContain(`${name}: has to be given`)
  })
})
