import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/host/config/load-config.ts'
import { readSources } from '../../src/host/config/sources.ts'
import { startCoordinator } from '../../src/host/roles/coordinator.ts'
import { pairsOf } from '../../src/protocol/dkls23/purpose.ts'
import { BANNED, telling } from '../attack/lies.ts'
import { type DevSet, startDevSet, until } from '../e2e/dev-set.ts'
import { expectValid, payloadOf } from '../e2e/verify.ts'
import { quorate } from '../host/process.ts'
import { startRogueHost } from './rogue-host.ts'

const PAIRS = pairsOf([1, 2, 3])
const ECDSA = 'ecdsa-secp256k1'

/**
 * Processes and mutual TLS: gateway and signers 1 and 2 as `quorate dev` starts them, signer 3 with a malicious program, the coordinator in
 * this process so that it uses DKLs23 alone.
 */
describe('O-10 a malicious signer among real hosts', () => {
  let set: DevSet
  let rogue: Awaited<ReturnType<typeof startRogueHost>>
  let coordinator: Awaited<ReturnType<typeof startCoordinator>>
  // biome-ignore lint/suspicious/noExplicitAny: JSON as it comes.
  let key: any
  /** Whom it lied to first. */
  let victim = 1
  const dataOf = (name: string): string => join(set.line.data, name)
  const startCoordinatorHere = async () => {
    const config = loadConfig('coordinator', readSources({}, join(dataOf('coordinator'), 'host.env')))
    const own = { ...config, ecdsaEngines: ['dkls23'] as const }
    return await until('the port is free', 10_000, () => startCoordinator(own, pino({ level: 'silent' })).catch(() => undefined))
  }
  const pairs = async (signer: number, ...words: readonly string[]) => {
    const [what = 'list', ...rest] = words
    return await quorate(['pairs', what, '--data', dataOf(`signer-${signer}`), ...rest])
  }
  /** What the operator of a signer sees of a peer. */
  const seen = async (signer: number, peer: number): Promise<string> =>
    (await pairs(signer)).out.split('\n').find((line) => line.startsWith(`${peer}  `)) ?? ''
  const sign = async (): Promise<number> => {
    const message = randomBytes(20)
    const { status, body } = await set.call('POST', '/api/v1/sign', { key_id: key.id, payload: payloadOf(ECDSA, message) })
    if (status === 200) expectValid(key, message, body.signature)
    return status
  }
  /** As the coordinator tells it; asking an operator's command again and again would leave no time to anybody else. */
  const pairOf = async (a: number, b: number): Promise<{ readonly state: string; readonly banned_by: readonly string[] }> =>
    (await set.call('GET', '/api/v1/set')).body.pairs.list.find(
      ({ signers }: { readonly signers: readonly string[] }) => signers.join() === `signer-${a},signer-${b}`,
    )
  const paired = async (a: number, b: number) =>
    await until(`signer ${a} paired with ${b}`, 45_000, async () => ((await pairOf(a, b)).state === 'ok' ? true : undefined))

  beforeAll(async () => {
    set = await startDevSet()
    set.signal(3, 'SIGKILL')
    process.kill(set.line.coordinator_pid, 'SIGKILL')
    rogue = await until('signer 3 is free', 10_000, () => startRogueHost(dataOf('signer-3')).catch(() => undefined))
    coordinator = await startCoordinatorHere()
    await until('all up', 20_000, async () => ((await set.call('GET', '/api/v1/set')).body?.quorum === 'full' ? true : undefined))
    key = (await set.call('POST', '/api/v1/keys', { scheme: ECDSA })).body
  }, 120_000)
  afterAll(async () => {
    await coordinator?.close()
    await rogue?.close()
    await set?.stop()
  }, 30_000)

  it('signs while it says nothing wrong', async () => {
    for (const [a, b] of PAIRS) await paired(a, b)
    for (let i = 0; i < 4; i++) expect(await sign()).toBe(200)
  })

  it('is banned by the host it lies to, durably before that answers; the others go on without it', async () => {
    rogue.rogue.lie = () => telling(BANNED.Gamma_u, [1, 2])
    await until('somebody banned it', 30_000, async () => {
      expect(await sign()).toBe(200)
      const by = [...(await pairOf(1, 3)).banned_by, ...(await pairOf(2, 3)).banned_by]
      if (by.length === 0) return undefined
      expect(by).toHaveLength(1)
      victim = by[0] === 'signer-1' ? 1 : 2
      return true
    })
    expect(await seen(victim, 3)).toMatch(
      /^3 {2}signer-3 {2}banned {2}EC_CHECK_U in session [0-9a-f]{16}, evidence [0-9a-f]{16}, 20/,
    )
    expect(await seen(victim, 3 - victim)).toMatch(/ {2}ok {5}/)
    expect(await seen(3 - victim, 3)).toMatch(/ {2}ok {5}/)
    for (let i = 0; i < 3; i++) expect(await sign()).toBe(200)
  })

  it('stays banned when it behaves again, after the host was killed, and with another coordinator', async () => {
    rogue.rogue.lie = () => ({})
    set.signal(victim, 'SIGKILL')
    const offline = await until('it is down', 10_000, async () => {
      const { code, out } = await pairs(victim)
      return code === 0 ? out : undefined
    })
    expect(offline).toMatch(/signer-3 {2}banned {2}EC_CHECK_U/)
    set.revive(victim)
    await coordinator.close()
    coordinator = await startCoordinatorHere()
    await until('it is back', 30_000, async () => ((await sign()) === 200 ? true : undefined))
    for (let i = 0; i < 3; i++) expect(await sign()).toBe(200)
    expect(await seen(victim, 3)).toContain('banned')
    // Honest signers have nothing against each other, whatever was killed.
    for (const id of [1, 2]) expect(await seen(id, 3 - id)).not.toMatch(/banned|strikes/)
  })

  it('is usable again when that host’s operator has lifted the ban and a new set-up was made', async () => {
    const { code, out } = await pairs(victim, 'lift', 'signer-3')
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(/^The ban of signer-3 is lifted \(EC_CHECK_U .*\nThere is no set-up with it/),
    ])
    await paired(victim, 3)
    for (let i = 0; i < 3; i++) expect(await sign()).toBe(200)
    expect((await pairs(victim, 'lift', '3')).err).toContain('signer-3 is not banned')
  })

  it('the commands of an operator say what they did, and what they cannot do', async () => {
    const { code, out } = await pairs(1, 'renew', '2')
    expect([code, out]).toEqual([0, expect.stringContaining('The set-up with signer-2 is given up.')])
    await paired(1, 2)
    expect(await sign()).toBe(200)
    for (const [words, status, why] of [
      [['lift', '2'], 1, 'signer-2 is not banned'],
      [['lift', 'signer-1'], 2, 'this signer has no peer "signer-1"; its peers are 2 (signer-2), 3 (signer-3)'],
      [['lift'], 2, 'give one peer'],
      [['renew', '2', '3'], 2, 'give one peer'],
    ] as const) {
      const ended = await pairs(1, ...words)
      expect([ended.code, ended.out, ended.err]).toEqual([status, '', expect.stringContaining(why)])
    }
  })
})
