import { expect, it } from 'vitest'
import { ApiProblem } from '../../../src/host/api/problem.ts'
import { pick, seededRng } from '../../simulator/seeded-rng.ts'
import { inProcessSet } from './in-process-set.ts'
import { expectWorks, isValid, makeKey, makeKeys, SCHEMES, sign, someMessage } from './signing-keys.ts'
import { until } from './until.ts'

it('T-17 hundreds of mixed requests over a bad network: each ends, none wrongly, and every map is empty or bounded afterwards', async () => {
  const set = await inProcessSet({ times: { heartbeat: 20, heartbeatTimeout: 400, exchange: 500, keygenExchange: 1500 } })
  try {
    const keys = await makeKeys(set)
    const rng = seededRng('soak')
    let bad = true
    set.hooks.tamper = async (to, route, frame, deliver) => {
      if (!bad || route === 'status') return await deliver(frame)
      switch (pick(rng, 80)) {
        case 0:
          throw new Error('lost')
        case 1:
          await deliver(frame)
          throw new Error('lost')
        case 2:
          await deliver(frame)
          return await deliver(frame)
        case 3:
          await new Promise((resolve) => void setTimeout(resolve, 20))
          return await deliver(frame)
        case 4:
          if (pick(rng, 4) === 0) set.loseWorker(to)
          return await deliver(frame)
        default:
          return await deliver(frame)
      }
    }
    const codes = new Map<string, number>()
    const one = async (i: number): Promise<void> => {
      const key = keys[SCHEMES[i % SCHEMES.length] as (typeof SCHEMES)[number]]
      const message = someMessage()
      try {
        if (i % 25 === 24) await makeKey(set, key.scheme)
        else {
          const view = await sign(set, key, message)
          expect(isValid(key, message, view.signature)).toBe(true)
        }
        codes.set('ok', (codes.get('ok') ?? 0) + 1)
      } catch (error) {
        if (!(error instanceof ApiProblem)) throw error
        codes.set(error.code, (codes.get(error.code) ?? 0) + 1)
      }
    }
    for (let wave = 0; wave < 12; wave++) {
      await Promise.all(Array.from({ length: 20 }, (_, i) => one(wave * 20 + i)))
    }
    expect([...codes.values()].reduce((a, b) => a + b)).toBe(240)
    expect(codes.get('internal')).toBeUndefined()
    expect(codes.get('ok')).toBeGreaterThan(150)

    bad = false
    await until('all up', () => set.monitor.up().length === 3)
    for (const scheme of SCHEMES) await expectWorks(set, keys[scheme])
    expect(set.scheduler.load()).toEqual({ waiting: 0, inFlight: 0 })
    expect(set.signing.inFlight).toBe(0)
    for (const id of [1, 2, 3]) {
      set.clocks.set(id, 200_000)
      await until('nothing is left', () => {
        const { open, ended, seen, reserved } = set.signerOf(id).actor.load
        return open + ended + seen + reserved === 0
      })
      const { tickets, keys: cached } = set.signerOf(id).actor.load
      expect(tickets).toBeLessThanOrEqual(1024)
      expect(cached).toBeLessThanOrEqual(300)
    }
  } finally {
    set.close()
  }
})
