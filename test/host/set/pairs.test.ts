import { afterEach, describe, expect, it } from 'vitest'
import { pairsOf } from '../../../src/protocol/dkls23/purpose.ts'
import { PAIR_STATES, REPLY, ROUTES, STATUS, STATUS_REQUEST } from '../../../src/protocol/frames/signer-frames.ts'
import { dealPair, rogueSet, said } from '../../attack/pair-set.ts'
import { armCrash, RESULTS } from '../../crash/process-death.ts'
import { inProcessSet, type SetOptions, type TestSet } from './in-process-set.ts'
import { expectWorks, makeKey, problemOf, sign, someMessage } from './signing-keys.ts'
import { until } from './until.ts'

const DKLS_ONLY = { config: { ecdsaEngines: ['dkls23'] } } satisfies SetOptions
const PAIRS = pairsOf([1, 2, 3])

let set: TestSet
afterEach(() => set.close())

const stateOf = (id: number, peer: number) =>
  set
    .signerOf(id)
    .pairs.states()
    .find((s) => s.peer === peer)
const allPaired = (): boolean =>
  PAIRS.every(([a, b]) => {
    const [one, other] = [stateOf(a, b), stateOf(b, a)]
    return one?.state === PAIR_STATES.ok && Buffer.from(one.pairId).equals(Buffer.from(other?.pairId ?? []))
  })

describe('pairs of real hosts', () => {
  it('are set up by the coordinator, sign, and serve after every host was started again', async () => {
    set = await inProcessSet(DKLS_ONLY)
    await until('all paired', allPaired)
    const key = await makeKey(set, 'ecdsa-secp256k1')
    for (let i = 0; i < 3; i++) await expectWorks(set, key)
    const counted = (): number =>
      PAIRS.reduce((sum, [a, b]) => sum + Number(stateOf(a, b)?.signatures) + Number(stateOf(b, a)?.signatures), 0)
    // Both sides of a pair count.
    expect(counted()).toBe(6)
    for (const id of [1, 2, 3]) set.restart(id)
    expect([allPaired(), counted()]).toEqual([true, 6])
    await set.restartCoordinator()
    await until('all up', () => set.monitor.up().length === 3)
    await expectWorks(set, key)
  })

  it('O-12 a stored set-up that does not open is given up by its signer, and the coordinator has another made', async () => {
    // Set-ups are dealt: until then, and until the damaged one is given up, no coordinator may make others.
    const config: { ecdsaEngines: readonly ('hm' | 'dkls23')[] } = { ecdsaEngines: ['hm'] }
    set = await inProcessSet({ config })
    set.hooks.tamper = async (_to, route, frame, deliver) => {
      if (route === 'openPair') throw new Error('lost')
      return await deliver(frame)
    }
    for (const pair of PAIRS) dealPair(set, ...pair)
    const key = await makeKey(set, 'ecdsa-secp256k1')
    const { store } = set.signerOf(1)
    const row = () => set.signerOf(1).pairs.row(2)
    const damaged = Uint8Array.from(row().setup?.sealed ?? [])
    damaged[1000] = (damaged[1000] as number) ^ 1
    const place = { sealed: damaged, peerKey: row().peerKey }
    store.database.statement('UPDATE pairs SET sealed = :sealed WHERE peer_key = :peerKey').run(place)
    set.loseWorker(1)
    config.ecdsaEngines = ['dkls23']
    await set.restartCoordinator()
    await until('all known', () => set.service.set().pairs.ready === 3)
    set.kill(3)
    await until('only the damaged pair is left', () => set.monitor.up().length === 2)
    const before = row().setup?.pairId
    expect((await problemOf(sign(set, key, someMessage()))).code).toBe('quorum_unavailable')
    expect([row().status, stateOf(1, 2)?.state, stateOf(2, 1)?.state]).toEqual(['none', PAIR_STATES.none, PAIR_STATES.ok])
    set.hooks.tamper = (_to, _route, frame, deliver) => deliver(frame)
    // Another one: this one waits longer with each attempt that failed.
    await set.restartCoordinator()
    await until('another is made', () => row().status === 'ok' && stateOf(2, 1)?.state === PAIR_STATES.ok)
    expect(row().setup?.pairId).not.toEqual(before)
    expect((await expectWorks(set, key)).signers).toEqual([1, 2])
  })

  it('say nothing of themselves where an operator does not want the engine', async () => {
    set = await inProcessSet({ withoutDkls23: [2] })
    const status = async (id: number) => {
      const answer = await set.signerOf(id).handlers[ROUTES.status]?.(STATUS_REQUEST.encode({ tickets: 0 }))
      return STATUS.decode(answer as Uint8Array).pairs
    }
    expect(await status(2)).toEqual([])
    expect((await status(1)).map(({ peer, state }) => [peer, state])).toEqual([
      [2, PAIR_STATES.none],
      [3, PAIR_STATES.none],
    ])
  })

  it('a peer gets one new set-up in ten seconds, others meanwhile', async () => {
    const r = await rogueSet()
    set = r.set
    const open = async (a: number, b: number): Promise<string> =>
      said(REPLY.decode(await r.c.send(a, 'openPair', r.pairFrame(a, b))))
    expect(await open(1, 2)).toBe('sent')
    expect(await open(1, 2)).toBe('refused OVERLOADED')
    expect(await open(1, 3)).toBe('sent')
    set.clocks.set(1, 9_000)
    expect(await open(1, 2)).toBe('refused OVERLOADED')
    set.clocks.set(1, 11_000)
    expect(await open(1, 2)).toBe('sent')
    // A set-up that was refused for another reason does not count.
    set.clocks.set(1, 100_000)
    expect(await open(1, 2)).toBe('refused SETUP_REFUSED')
    set.clocks.set(1, 22_000)
    expect(await open(1, 2)).toBe('sent')
    // Neither does the past of a clock that was put back: it would shut the peer out for as long.
    set.clocks.set(1, 0)
    expect(await open(1, 2)).toBe('sent')
  })

  it('a signer that starts under another roster deletes the set-ups of the one before', async () => {
    const r = await rogueSet()
    set = r.set
    dealPair(set, 1, 2)
    const earlier = { peerKey: new Uint8Array(32).fill(7), rosterHash: new Uint8Array(32).fill(8) }
    set.signerOf(1).store.pairs.put(earlier, { pairId: new Uint8Array(32).fill(9), sealed: new Uint8Array(40).fill(1) })
    set.restart(1)
    const { pairs, store } = set.signerOf(1)
    expect([store.pairs.get(earlier).status, pairs.row(2).status]).toEqual(['none', 'ok'])
  })

  it('a set-up that ends when its peer is banned is not stored', async () => {
    const r = await rogueSet()
    set = r.set
    const { pairs } = set.signerOf(1)
    const setup = { peer: 2, pairId: new Uint8Array(32).fill(9), sealed: new Uint8Array(40) }
    pairs.judge({
      sessionId: new Uint8Array(32),
      bans: [{ peer: 2, code: 'OTE_CHECK', evidence: new Uint8Array(32) }],
      strikes: [],
    })
    expect(pairs.store(setup)).toBe('banned')
    expect(pairs.row(2)).toMatchObject({ status: 'banned', setup: null })
    expect(pairs.store({ ...setup, peer: 3 })).toBe('stored')
  })

  it('14.4 crash a mark that a full disk kept is taken away with a heartbeat: no later start takes it for a check that nobody saw the end of', async () => {
    const r = await rogueSet()
    set = r.set
    dealPair(set, 1, 2)
    const key = await makeKey(set, 'ecdsa-secp256k1')
    // The only heartbeats are the test's.
    set.monitor.stop()
    const s = await r.open(key, [1, 2])
    const marks = (): number => set.signerOf(1).store.pairs.marks().length
    // The mark is the first write of a round, its end the second.
    const armed = armCrash({ file: 'signer-1.db', k: 2, moment: 'before', result: RESULTS.full }, () => {})
    await expect(r.round(1, s, 1, s.mail)).rejects.toMatchObject({ code: 'FULL' })
    armed.stop()
    expect(marks()).toBe(1)
    stateOf(1, 2)
    expect(marks()).toBe(0)
    // What was worked out then is still the answer.
    expect((await r.play(s)).map(said)).toEqual(['done', 'done'])
    const late = await r.open(key, [1, 2])
    const again = armCrash({ file: 'signer-1.db', k: 2, moment: 'before', result: RESULTS.full }, () => {})
    await expect(r.round(1, late, 1, late.mail)).rejects.toMatchObject({ code: 'FULL' })
    again.stop()
    stateOf(1, 2)
    set.restart(1)
    expect(set.signerOf(1).pairs.row(2)).toMatchObject({ status: 'ok', crashes: 0 })
  })

  it('a mark stays until the last frame of its session that is in hand has been answered', async () => {
    const r = await rogueSet()
    set = r.set
    dealPair(set, 1, 2)
    const { pairs, store } = set.signerOf(1)
    const sessionId = new Uint8Array(32).fill(5)
    const pairId = pairs.row(2).setup?.pairId as Uint8Array
    pairs.opened({ sessionId, items: 3, peers: [{ peer: 2, pairId }] })
    const session = pairs.checkedBy(r.c.roundFrame(sessionId, 1, []))
    if (session === undefined) throw new Error('not known')
    const marks = (): number => store.database.statement('SELECT session_id FROM pair_checks').all().length
    const entered = await Promise.all([pairs.enter(session), pairs.enter(session)])
    expect([entered, marks(), pairs.row(2).signatures]).toEqual([[true, true], 1, 3])
    pairs.answered(session)
    await pairs.leave(session, false)
    expect(marks()).toBe(1)
    pairs.answered(session)
    await pairs.leave(session, true)
    expect(marks()).toBe(0)
    expect(pairs.checkedBy(r.c.roundFrame(sessionId, 2, []))).toBeUndefined()
  })
})
