import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Answer, type DevSet, startDevSet, until } from './dev-set.ts'
import { expectValid, payloadOf } from './verify.ts'

const PER_SECOND = 40
const SCHEME = 'ecdsa-secp256k1'
const sleep = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms))

interface Sent {
  readonly message: Uint8Array
  /** By performance.now. */
  readonly at: number
  readonly answer: Promise<Answer & { readonly answeredAt: number }>
}

describe('ECDSA without a break, when one of three signers', () => {
  let set: DevSet
  // biome-ignore lint/suspicious/noExplicitAny: JSON as it comes.
  let key: any

  beforeAll(async () => {
    set = await startDevSet()
    const made = await set.call('POST', '/api/v1/keys', { scheme: SCHEME })
    expect(made.status, JSON.stringify(made.body)).toBe(201)
    key = made.body
  }, 90_000)
  afterAll(async () => {
    expect(await set.stop()).toBe(0)
  }, 30_000)

  const ready = (engine: string, what: string) =>
    until(what, 30_000, async () => {
      const { body } = await set.call('GET', '/api/v1/set')
      const isReady = engine === 'dkls23' || (body.pairs.ready === 3 && body.quorum === 'full')
      return isReady && body.engines[SCHEME] === engine ? body : undefined
    })

  /** Requests at a steady rate, whatever becomes of those before. */
  function load(): { readonly sent: readonly Sent[]; readonly end: () => void } {
    const sent: Sent[] = []
    const timer = setInterval(() => {
      const message = new TextEncoder().encode(`failover ${performance.now()} ${sent.length}`)
      const body = { key_id: key.id, payload: payloadOf(SCHEME, message), wait_ms: 15_000 }
      const answer = set.call('POST', '/api/v1/sign', body).then((a) => ({ ...a, answeredAt: performance.now() }))
      sent.push({ message, at: performance.now(), answer })
    }, 1000 / PER_SECOND)
    return { sent, end: () => clearInterval(timer) }
  }

  it.each([
    ['is killed', () => set.signal(3, 'SIGKILL'), () => set.revive(3)],
    ['falls silent', () => set.signal(3, 'SIGSTOP'), () => set.signal(3, 'SIGCONT')],
  ] as const)(
    '%s: no request is lost, every signature is right, and hm takes over again when it is back',
    async (_what, begin, end) => {
      await ready('hm', 'all pairs set up')
      const { sent, end: stop } = load()
      try {
        await sleep(1000)
        begin()
        const gone = performance.now()
        await sleep(3500)
        end()
        const back = performance.now()
        await until('all up', 30_000, async () =>
          (await set.call('GET', '/api/v1/set')).body.quorum === 'full' ? true : undefined,
        )
        const up = performance.now()
        await ready('hm', 'hm again')
        expect(performance.now() - up).toBeLessThan(10_000)
        stop()
        const answers = await Promise.all(sent.map(({ answer }) => answer))
        expect(sent.length).toBeGreaterThan(PER_SECOND * 4)
        const made = answers.map((answer, i) => {
          const { message, at } = sent[i] as Sent
          expect(answer.status, JSON.stringify(answer.body)).toBe(200)
          expectValid(key, message, answer.body.signature)
          const { engine, signers } = answer.body
          return { at, answeredAt: answer.answeredAt, by: `${engine} ${signers.join()}` }
        })
        const known = /^(hm 1,2,3|dkls23 (1,2|1,3|2,3))$/
        for (const { by } of made) expect(by).toMatch(known)
        expect(made.find(({ answeredAt }) => answeredAt < gone)?.by).toBe('hm 1,2,3')
        // Whatever was asked for and answered while it was away cannot be its work.
        const away = made.filter(({ at, answeredAt }) => at > gone && answeredAt < back)
        expect(new Set(away.map(({ by }) => by))).toEqual(new Set(['dkls23 1,2']))
        const last = await set.call('POST', '/api/v1/sign', { key_id: key.id, payload: payloadOf(SCHEME, new Uint8Array(9)) })
        expect([last.status, last.body.engine]).toEqual([200, 'hm'])
      } finally {
        stop()
      }
    },
    90_000,
  )
})
