import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readMetrics, type Sample, sumOf } from '../../bench/metrics-text.ts'
import { COMMANDS } from '../../src/actors/crypto-commands.ts'
import { type DevSet, startDevSet, until } from './dev-set.ts'
import { expectValid, payloadOf, SCHEMES, type Scheme } from './verify.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

// One set for the whole file, tests in order: each leaves all five processes up.
describe('a 2-of-3 set of five processes', () => {
  let set: DevSet
  // biome-ignore lint/suspicious/noExplicitAny: JSON as it comes.
  const keys = {} as Record<Scheme, any>

  const sign = (scheme: Scheme, message: Uint8Array, more: object = {}) =>
    set.call('POST', '/api/v1/sign', { key_id: keys[scheme].id, payload: payloadOf(scheme, message), ...more })
  const quorum = (wanted: string) =>
    until(`quorum ${wanted}`, 15_000, async () =>
      (await set.call('GET', '/api/v1/set')).body?.quorum === wanted ? true : undefined,
    )
  const signsAgain = (scheme: Scheme, ms: number) =>
    until(`${scheme} signs`, ms, async () => {
      const answer = await sign(scheme, text('again'))
      return answer.status === 200 ? answer : undefined
    })

  beforeAll(async () => {
    set = await startDevSet()
    for (const scheme of SCHEMES) {
      const made = await set.call('POST', '/api/v1/keys', { scheme, label: `e2e ${scheme}` })
      expect(made.status, JSON.stringify(made.body)).toBe(201)
      keys[scheme] = made.body
    }
  }, 90_000)

  afterAll(async () => {
    const pids = [set.line.gateway_pid, set.line.coordinator_pid, ...set.line.signers.map((s) => s.pid)]
    expect(await set.stop()).toBe(0)
    for (const pid of pids) expect(() => process.kill(pid, 0), `process ${pid} is left`).toThrow()
    expect(() => readdirSync(set.line.data)).toThrow()
  }, 30_000)

  it.each(SCHEMES)('%s: signatures verify with independent code', async (scheme) => {
    const message = text(`hello ${scheme}`)
    const answer = await sign(scheme, message)
    expect(answer.status).toBe(200)
    expect(answer.body.state).toBe('signed')
    expect(answer.body.engine).toBe(scheme.startsWith('ecdsa') ? 'hm' : 'frost')
    expect(answer.body.signers.length).toBe(scheme.startsWith('ecdsa') ? 3 : 2)
    expectValid(keys[scheme], message, answer.body.signature)
  })

  it('mixed schemes and concurrency: every one of a hundred signatures is right', async () => {
    const jobs = Array.from({ length: 120 }, (_, i) => ({
      scheme: SCHEMES[i % SCHEMES.length] as Scheme,
      message: text(`message ${i}`),
    }))
    const answers = await Promise.all(jobs.map(({ scheme, message }) => sign(scheme, message)))
    answers.forEach((answer, i) => {
      const { scheme, message } = jobs[i] as (typeof jobs)[number]
      expect(answer.status, JSON.stringify(answer.body)).toBe(200)
      expectValid(keys[scheme], message, answer.body.signature)
    })
    const ecdsa = answers.filter((_, i) => jobs[i]?.scheme.startsWith('ecdsa')).map((a) => a.body.signature.r)
    expect(new Set(ecdsa).size).toBe(ecdsa.length)
  }, 60_000)

  it('every host tells at /metrics where the time of these requests went', async () => {
    const scraped = async (host: string) => readMetrics(await set.metrics(host))
    const [gateway, coordinator] = [await scraped('gateway'), await scraped('coordinator')]
    const signers = [await scraped('signer-1'), await scraped('signer-2'), await scraped('signer-3')]
    /** Values of labels that a histogram has, without those that every sample of a host has. */
    const labelsOf = (samples: readonly Sample[], name: string) =>
      samples
        .filter((sample) => sample.name === `quorate_${name}_count`)
        .map(({ labels: { role: _role, name: _name, ...own } }) => Object.values(own).join(' '))
        .sort()
    const stages = ['combine', 'combine_wait', 'open', 'queue', 'round_1', 'sign', 'store', 'total', 'verify']
    expect(labelsOf(gateway, 'gateway_stage_seconds')).toEqual(['book', 'forward', 'judge', 'total'])
    expect(labelsOf(coordinator, 'stage_seconds')).toEqual(['frost', 'hm'].flatMap((e) => stages.map((s) => `${e} ${s}`)))
    const commands = signers.map((samples) => labelsOf(samples, 'signer_stage_seconds'))
    for (const pairs of commands) {
      expect(pairs).toEqual(expect.arrayContaining(['lookup', 'wait', 'work', 'total'].map((s) => `openSigning ${s}`)))
      expect(pairs).toEqual(expect.arrayContaining(['wait', 'work', 'ledger', 'total'].map((s) => `round ${s}`)))
      expect(pairs.filter((pair) => !((pair.split(' ')[0] as string) in COMMANDS))).toEqual([])
    }

    const seconds = (samples: readonly Sample[], name: string, labels: Readonly<Record<string, string>>) =>
      sumOf(samples, `quorate_${name}_sum`, labels)
    const signed = sumOf(coordinator, 'quorate_stage_seconds_count', { stage: 'total' })
    expect(signed).toBeGreaterThanOrEqual(120)
    expect(sumOf(gateway, 'quorate_gateway_stage_seconds_count', { stage: 'judge' })).toBe(signed)
    // Whoever waits for another takes at least as long as that one.
    const total = seconds(coordinator, 'stage_seconds', { stage: 'total' })
    expect(seconds(gateway, 'gateway_stage_seconds', { stage: 'total' })).toBeGreaterThan(
      seconds(gateway, 'gateway_stage_seconds', { stage: 'forward' }),
    )
    expect(seconds(gateway, 'gateway_stage_seconds', { stage: 'forward' })).toBeGreaterThan(total)
    for (const stage of ['queue', 'sign', 'store']) expect(seconds(coordinator, 'stage_seconds', { stage })).toBeGreaterThan(0)
    for (const samples of signers) {
      const took = (command: string, stage: string) => seconds(samples, 'signer_stage_seconds', { command, stage })
      expect(seconds(coordinator, 'stage_seconds', { stage: 'open' })).toBeGreaterThan(took('openSigning', 'total'))
      expect(took('openSigning', 'total')).toBeGreaterThan(took('openSigning', 'work'))
      for (const thread of ['main', 'worker-0']) {
        expect(sumOf(samples, 'quorate_thread_busy_seconds_total', { thread })).toBeGreaterThan(0)
      }
    }
    expect(sumOf(coordinator, 'quorate_thread_busy_seconds_total', { thread: 'worker-0' })).toBeGreaterThan(0)
    expect(sumOf(gateway, 'quorate_thread_busy_seconds_total', { thread: 'main' })).toBeGreaterThan(0)
  })

  it('the same request id: same bytes give the same answer, other bytes 409', async () => {
    for (const scheme of SCHEMES) {
      const body = { request_id: `req_same-${scheme}` }
      const first = await sign(scheme, text('once'), body)
      const again = await sign(scheme, text('once'), body)
      expect(first.status).toBe(200)
      expect(again.body.signature).toEqual(first.body.signature)
      const other = await sign(scheme, text('twice'), body)
      expect(other.status).toBe(409)
      expect(other.body.code).toBe('request_replayed')
    }
  })

  it('one bad request spoils nothing in a batch, order is kept', async () => {
    const good = (i: number) => ({
      key_id: keys['ecdsa-secp256k1'].id,
      payload: payloadOf('ecdsa-secp256k1', text(`batch ${i}`)),
    })
    const unknown = { ...good(1), key_id: `key_${'00'.repeat(32)}` }
    const answer = await set.call('POST', '/api/v1/sign/batch', { items: [good(0), unknown, good(2)] })
    expect(answer.status).toBe(200)
    expect(answer.body.items.map((i: { status: number }) => i.status)).toEqual([200, 404, 200])
    expectValid(keys['ecdsa-secp256k1'], text('batch 2'), answer.body.items[2].signature.signature)
  })

  it('one signer killed: every scheme goes on within a second of detection, keys are not made, all resumes when it returns', async () => {
    await until('all pairs set up', 30_000, async () =>
      (await set.call('GET', '/api/v1/set')).body.pairs.ready === 3 ? true : undefined,
    )
    set.signal(3, 'SIGKILL')
    const started = performance.now()
    await quorum('degraded')
    const detected = performance.now()
    await signsAgain('eddsa-ed25519', 1_000)
    await signsAgain('schnorr-secp256k1', 1_000)
    expect(performance.now() - detected).toBeLessThan(2_000)
    expect(detected - started).toBeLessThan(3_000)
    const two = await signsAgain('ecdsa-secp256k1', 2_000)
    expect([two.body.engine, two.body.signers]).toEqual(['dkls23', [1, 2]])
    expectValid(keys['ecdsa-secp256k1'], text('again'), two.body.signature)
    const noKey = await set.call('POST', '/api/v1/keys', { scheme: 'eddsa-ed25519' })
    expect([noKey.status, noKey.body.code, noKey.body.missing]).toEqual([503, 'quorum_unavailable', ['signer-3']])
    set.revive(3)
    await quorum('full')
    await signsAgain('ecdsa-secp256k1', 10_000)
  }, 60_000)

  it('a signer that falls silent: FROST requests under way move to other signers', async () => {
    set.signal(2, 'SIGSTOP')
    try {
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, i) => sign('eddsa-ed25519', text(`silent ${i}`), { wait_ms: 10_000 })),
      )
      for (const [i, answer] of answers.entries()) {
        expect(answer.status, JSON.stringify(answer.body)).toBe(200)
        expect(answer.body.signers).toEqual([1, 3])
        expectValid(keys['eddsa-ed25519'], text(`silent ${i}`), answer.body.signature)
      }
    } finally {
      set.signal(2, 'SIGCONT')
    }
    await quorum('full')
    await signsAgain('ecdsa-secp256k1', 10_000)
  }, 60_000)

  it('two signers killed: 503 for all schemes, naming both', async () => {
    set.signal(1, 'SIGKILL')
    set.signal(2, 'SIGKILL')
    await quorum('lost')
    for (const scheme of SCHEMES) {
      const refused = await sign(scheme, text('nobody'))
      expect([refused.status, refused.body.code]).toEqual([503, 'quorum_unavailable'])
      expect(refused.body.missing).toEqual(['signer-1', 'signer-2'])
    }
    set.revive(1)
    set.revive(2)
    await quorum('full')
    for (const scheme of SCHEMES) await signsAgain(scheme, 10_000)
  }, 60_000)

  it('a host killed in the middle of signing comes back with its keys and answers no request in two ways', async () => {
    const requests = Array.from({ length: 60 }, (_, i) => ({
      scheme: SCHEMES[i % SCHEMES.length] as Scheme,
      message: text(`crash ${i}`),
      more: { request_id: `req_crash-${i}`, wait_ms: 8_000 },
    }))
    const first = Promise.all(requests.map((r) => sign(r.scheme, r.message, r.more)))
    await new Promise((resolve) => setTimeout(resolve, 15))
    set.signal(1, 'SIGKILL')
    const before = await first
    set.revive(1)
    await quorum('full')
    await signsAgain('ecdsa-secp256k1', 10_000)
    const after = await Promise.all(requests.map((r) => sign(r.scheme, r.message, r.more)))
    after.forEach((answer, i) => {
      const { scheme, message } = requests[i] as (typeof requests)[number]
      expect(answer.status, JSON.stringify(answer.body)).toBe(200)
      expectValid(keys[scheme], message, answer.body.signature)
      if (before[i]?.status === 200) expect(answer.body.signature).toEqual(before[i]?.body.signature)
    })
    // The signers too: other bytes under a used id are refused by everybody who answered it.
    const other = await sign('eddsa-ed25519', text('other bytes'), { request_id: 'req_crash-2' })
    expect(other.status).toBe(409)
  }, 60_000)

  it('the coordinator killed and started again serves the same keys and the same answers', async () => {
    const before = await sign('ecdsa-secp256k1', text('lasting'), { request_id: 'req_lasting' })
    process.kill(set.line.coordinator_pid, 'SIGKILL')
    set.reviveHost('coordinator')
    await quorum('full')
    await signsAgain('ecdsa-secp256k1', 10_000)
    const after = await sign('ecdsa-secp256k1', text('lasting'), { request_id: 'req_lasting' })
    expect(after.body.signature).toEqual(before.body.signature)
    const listed = await set.call('GET', '/api/v1/keys?limit=2')
    expect(listed.body.keys?.length ?? listed.body.data?.length).toBe(2)
  }, 60_000)

  it('a key frozen while a signer is down: 503, then frozen everywhere, also after every signer was started again', async () => {
    const made = await set.call('POST', '/api/v1/keys', { scheme: 'eddsa-ed25519' })
    const { id } = made.body
    const use = () => set.call('POST', '/api/v1/sign', { key_id: id, payload: payloadOf('eddsa-ed25519', text('frozen?')) })
    const freeze = () => set.call('POST', `/api/v1/keys/${id}/freeze`, { request_id: 'req_freeze' })
    expect((await use()).status).toBe(200)
    set.signal(2, 'SIGKILL')
    await quorum('degraded')
    const refused = await freeze()
    expect([refused.status, refused.body.code, refused.body.outcome, refused.body.missing]).toEqual([
      503,
      'quorum_unavailable',
      'unknown',
      ['signer-2'],
    ])
    // The two that have it are enough to stop it.
    expect([(await use()).status, (await set.call('GET', `/api/v1/keys/${id}`)).body.settled]).toEqual([409, false])
    set.revive(2)
    await quorum('full')
    const frozen = await until('frozen', 10_000, async () => {
      const answer = await freeze()
      return answer.status === 200 ? answer : undefined
    })
    expect(frozen.body).toMatchObject({ state: 'frozen', revision: 1, settled: true })
    for (const index of [1, 2, 3]) set.signal(index, 'SIGKILL')
    await quorum('lost')
    for (const index of [1, 2, 3]) set.revive(index)
    await until('all three again', 40_000, async () =>
      (await set.call('GET', '/api/v1/set')).body?.quorum === 'full' ? true : undefined,
    )
    const still = await use()
    expect([still.status, still.body.code]).toEqual([409, 'key_frozen'])
    expect((await set.call('POST', `/api/v1/keys/${id}/unfreeze`)).status).toBe(200)
    const label = await set.call('PATCH', `/api/v1/keys/${id}`, { label: 'e2e kept' }, { 'if-match': '"2"' })
    expect([label.status, label.body.label, label.body.state]).toEqual([200, 'e2e kept', 'active'])
    expect((await set.call('PATCH', `/api/v1/keys/${id}`, { label: 'late' }, { 'if-match': '"2"' })).status).toBe(412)
    await signsAgain('eddsa-ed25519', 10_000)
    expect((await use()).status).toBe(200)
  }, 90_000)

  it('U-03 no log of any host holds a secret of any host', () => {
    const hosts = ['gateway', 'coordinator', 'signer-1', 'signer-2', 'signer-3']
    const secrets = hosts.flatMap((host) => {
      const dir = `${set.line.data}/${host}`
      return readdirSync(dir).flatMap((file) =>
        /\.key$|credential/.test(file) && !file.endsWith('.crt') ? [readFileSync(`${dir}/${file}`)] : [],
      )
    })
    expect(secrets.length).toBeGreaterThan(5)
    const needles = secrets.flatMap((s) => {
      const inner = /[A-Za-z0-9_-]{40,}/g
      return [s.toString('hex'), s.toString('base64'), s.toString('base64url'), ...(s.toString('latin1').match(inner) ?? [])]
    })
    const logs = hosts.map((host) => readFileSync(`${set.line.data}/${host}/host.log`, 'latin1')).join('\n')
    expect(logs.length).toBeGreaterThan(1000)
    for (const needle of needles) expect(logs.includes(needle)).toBe(false)
  })
})
