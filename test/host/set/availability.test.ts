import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { inProcessSet, type TestSet } from './in-process-set.ts'
import {
  askFor,
  expectSigned,
  expectWorks,
  makeKeys,
  problemOf,
  SCHEMES,
  type Scheme,
  sign,
  someMessage,
  type TestKey,
} from './signing-keys.ts'
import { sleep, until } from './until.ts'

const FROST = ['schnorr-secp256k1', 'eddsa-ed25519'] as const
let set: TestSet
let keys: Readonly<Record<Scheme, TestKey>>
beforeAll(async () => {
  set = await inProcessSet({ times: { heartbeat: 20, heartbeatTimeout: 300, exchange: 700, keygenExchange: 5000 } })
  keys = await makeKeys(set)
})
afterAll(() => set.close())

const quorum = (wanted: string) => until(`quorum ${wanted}`, () => set.service.set().quorum === wanted)
const code = async (scheme: Scheme) => {
  const { code: name, missing, outcome } = await problemOf(sign(set, keys[scheme], someMessage()))
  return { code: name, missing, outcome }
}
/** Something goes wrong on the way to one signer, every time, until the test ends. */
const onWayTo = (id: number, route: string, what: 'before' | 'after') => {
  set.hooks.tamper = async (to, r, frame, deliver) => {
    if (to !== id || r !== route) return await deliver(frame)
    if (what === 'after') await deliver(frame)
    throw new Error('connection reset')
  }
}
afterEach(async () => {
  set.hooks.tamper = (_to, _route, frame, deliver) => deliver(frame)
  for (const id of [1, 2, 3]) set.revive(id)
  set.clocks.clear()
  await quorum('full')
})

describe('one signer dead', () => {
  it.each([1, 2, 3])(
    'signer %i: FROST goes on, ECDSA is 503 naming it, keys are not made, all by itself when it returns',
    async (id) => {
      set.kill(id)
      await quorum('degraded')
      const others = [1, 2, 3].filter((other) => other !== id)
      for (const scheme of FROST) expect((await expectWorks(set, keys[scheme])).signers).toEqual(others)
      const missing = [`signer-${id}`]
      expect(await code('ecdsa-secp256k1')).toEqual({ code: 'quorum_unavailable', missing, outcome: 'none' })
      const noKey = await problemOf(set.service.createKey(set.request('cred_alice', set.keygen('eddsa-ed25519')), set.client))
      expect([noKey.code, noKey.missing, noKey.outcome]).toEqual(['quorum_unavailable', missing, 'none'])
      set.revive(id)
      await quorum('full')
      for (const scheme of SCHEMES) await expectWorks(set, keys[scheme])
    },
  )

  it('before anybody noticed: FROST requests under way move on, ECDSA says who is missing', async () => {
    set.kill(2)
    for (const scheme of FROST) expectSigned(keys[scheme], ...(await signedOne(scheme)))
    set.revive(2)
    await quorum('full')
    set.kill(2)
    expect(await code('ecdsa-secp256k1')).toEqual({ code: 'quorum_unavailable', missing: ['signer-2'], outcome: 'none' })
  })
  const signedOne = async (scheme: Scheme) => {
    const message = someMessage()
    return [message, await sign(set, keys[scheme], message)] as const
  }

  it('hm 7.1 restart: with the process of the signer restarted, hm resumes with new keys and new tickets', async () => {
    for (const id of [1, 2, 3]) {
      await expectWorks(set, keys['ecdsa-secp256k1'])
      set.restart(id)
      await expectWorks(set, keys['ecdsa-secp256k1'])
    }
  })

  it('hm 7.1 restart: WORKER_LOST, a crypto worker that starts anew costs a retry, also while the coordinator knows nothing of it', async () => {
    const from = set.reports.length
    for (const id of [1, 2, 3, 1]) {
      set.loseWorker(id)
      const views = await Promise.all(SCHEMES.map((scheme) => sign(set, keys[scheme], someMessage())))
      expect(views.map((v) => v.state)).toEqual(SCHEMES.map(() => 'signed'))
    }
    const ends = set.reports.slice(from).flatMap((r) => (r.end.type === 'failed' ? [r.end.code] : []))
    expect(new Set(ends)).toEqual(new Set(['SETUP_STALE']))
  })
})

describe('two signers dead', () => {
  it.each([
    [1, 2],
    [1, 3],
    [2, 3],
  ])('signers %i and %i: 503 for everything, naming both; back by itself', async (a, b) => {
    set.kill(a)
    set.kill(b)
    await quorum('lost')
    expect(set.service.ready()).toBe(false)
    const missing = [`signer-${a}`, `signer-${b}`]
    for (const scheme of SCHEMES) expect(await code(scheme)).toEqual({ code: 'quorum_unavailable', missing, outcome: 'none' })
    set.revive(b)
    await quorum('degraded')
    for (const scheme of FROST) await expectWorks(set, keys[scheme])
    set.revive(a)
    await quorum('full')
    await expectWorks(set, keys['ecdsa-secp256k1'])
  })
})

describe('a silent signer', () => {
  it('T-17 costs requests under way one exchange, and later ones nothing', async () => {
    set.silence(3)
    const started = performance.now()
    const views = await Promise.all(Array.from({ length: 12 }, () => sign(set, keys['eddsa-ed25519'], someMessage())))
    for (const view of views) expect(view.signers).toEqual([1, 2])
    // Two exchanges at most: one that hangs, and the one of the session that takes its place.
    expect(performance.now() - started).toBeLessThan(2500)
    await quorum('degraded')
    const later = performance.now()
    await expectWorks(set, keys['schnorr-secp256k1'])
    expect(performance.now() - later).toBeLessThan(700)
    expect((await code('ecdsa-secp256k1')).missing).toEqual(['signer-3'])
  })

  it('T-18 stalls only what goes through it: heartbeats and other schemes are served meanwhile', async () => {
    set.silence(1)
    const hanging = problemOf(sign(set, keys['ecdsa-secp256k1'], someMessage()))
    await sleep(20)
    const started = performance.now()
    await Promise.all([2, 3].map((id) => until(`${id} beats`, () => set.monitor.up().includes(id))))
    const frost = await Promise.all(Array.from({ length: 6 }, () => sign(set, keys['eddsa-ed25519'], someMessage())))
    expect(frost.map((v) => v.state)).toEqual(frost.map(() => 'signed'))
    expect(performance.now() - started).toBeLessThan(2500)
    const problem = await hanging
    expect([problem.code, problem.missing]).toEqual(['quorum_unavailable', ['signer-1']])
  })
})

describe('lost exchanges', () => {
  it('a connection that breaks once costs a session and not the request, for ECDSA too', async () => {
    for (const route of ['openSigning', 'round'] as const) {
      let broken = false
      set.hooks.tamper = async (to, r, frame, deliver) => {
        if (broken || to !== 2 || r !== route) return await deliver(frame)
        broken = true
        throw new Error('connection reset')
      }
      await expectWorks(set, keys['ecdsa-secp256k1'])
      expect(broken).toBe(true)
    }
  })

  it('a request that never arrives: nothing was released, and it says so', async () => {
    for (const id of [1, 2, 3]) {
      onWayTo(id, 'openSigning', 'before')
      expect(await code('ecdsa-secp256k1')).toMatchObject({ code: 'quorum_unavailable', outcome: 'none' })
      await quorum('full')
    }
  })

  it('hm 7.3 withheld: an answer of round 2 that is lost: a share may have left, and it says so; the same bytes get the one signature', async () => {
    const key = keys['ecdsa-secp256k1']
    const message = someMessage()
    const request = askFor(set, key, message)
    onWayTo(2, 'round', 'after')
    const problem = await problemOf(set.service.sign(request, set.client, 5000))
    expect([problem.code, problem.outcome]).toEqual(['quorum_unavailable', 'unknown'])
    set.hooks.tamper = (_to, _route, frame, deliver) => deliver(frame)
    await quorum('full')
    expectSigned(key, message, await set.service.sign(request, set.client, 5000))
    // The signers count it as used, by the share that was lost.
    const row = set.signerOf(2).store.lookup([
      {
        credentialId: 'cred_alice',
        tenant: 'alice',
        requestId: JSON.parse(new TextDecoder().decode(request.document)).request_id,
      },
    ])
    expect(row[0]).not.toBeNull()
  })

  it('a signer whose store fails releases nothing; FROST goes on without it', async () => {
    const { store } = set.signerOf(1)
    const { claim } = store
    Object.assign(store, {
      claim: () => {
        throw new Error('disk full')
      },
    })
    for (const scheme of FROST) expect((await expectWorks(set, keys[scheme])).signers.length).toBe(2)
    const problem = await problemOf(sign(set, keys['ecdsa-secp256k1'], someMessage()))
    expect(['quorum_unavailable', 'signing_timeout']).toContain(problem.code)
    Object.assign(store, { claim })
    await quorum('full')
    await expectWorks(set, keys['ecdsa-secp256k1'])
  })
})

describe('clocks', () => {
  it('that are 25 seconds apart sign all the same; a signer far off is left out', async () => {
    set.clocks.set(1, 25_000)
    set.clocks.set(2, -25_000)
    for (const scheme of SCHEMES) await expectWorks(set, keys[scheme])
    set.clocks.set(2, -300_000)
    for (const scheme of FROST) {
      for (let i = 0; i < 3; i++) expect((await expectWorks(set, keys[scheme])).signers).toEqual([1, 3])
    }
    const problem = await problemOf(sign(set, keys['ecdsa-secp256k1'], someMessage()))
    expect([problem.code, problem.outcome, problem.culprits]).toEqual(['protocol_abort', 'none', undefined])
  })

  it('that cannot be trusted: such a signer takes part in nothing', async () => {
    set.signerOf(3).ready = false
    await quorum('degraded')
    for (const scheme of FROST) expect((await expectWorks(set, keys[scheme])).signers).toEqual([1, 2])
    expect((await code('ecdsa-secp256k1')).missing).toEqual(['signer-3'])
    set.signerOf(3).ready = true
  })
})

describe('a restarted coordinator', () => {
  it('signs at once, with the generation the signers still hold, and gives the same answers', async () => {
    const key = keys['ecdsa-secp256k1']
    await expectWorks(set, key)
    const message = someMessage()
    const request = askFor(set, key, message)
    const before = await set.service.sign(request, set.client, 5000)
    const boots = () =>
      set.monitor.states().map((s) => s.status?.generations.map((g) => Buffer.from(g.kids[0] ?? []).toString('hex')))
    const generations = boots()
    await set.restartCoordinator()
    expect((await set.service.sign(request, set.client, 5000)).signature).toEqual(before.signature)
    const started = performance.now()
    for (const scheme of SCHEMES) await expectWorks(set, keys[scheme])
    expect(performance.now() - started).toBeLessThan(3000)
    expect(boots()).toEqual(generations)
  })
})

it('a set without hm at one signer makes ECDSA keys and says that it cannot sign with them; FROST works', async () => {
  const other = await inProcessSet({ withoutHm: [2] })
  try {
    const own = await makeKeys(other)
    for (const scheme of FROST) await expectWorks(other, own[scheme])
    const problem = await problemOf(sign(other, own['ecdsa-secp256k1'], someMessage()))
    expect([problem.code, problem.outcome]).toEqual(['engine_unavailable', 'none'])
  } finally {
    other.close()
  }
})
