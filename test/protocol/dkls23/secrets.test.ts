import { describe, expect, it } from 'vitest'
import { sessionId as sessionIdOf } from '../../../src/protocol/channel/setup.ts'
import { RvoleReceiver, RvoleSender } from '../../../src/protocol/dkls23/rvole.ts'
import { concat } from '../../../src/protocol/engine/bytes.ts'
import type { AcceptedItem } from '../../../src/protocol/signing/batch.ts'
import { openSession, wire } from '../../simulator/run-session.ts'
import { findSecrets } from '../../simulator/secret-scan.ts'
import { identityOf } from '../../simulator/world.ts'
import { bytes32, numbered } from '../signing/dealt-key.ts'
import { watchSecrets } from '../signing/watch-secrets.ts'
import { assembleRun, type DklsCase, dklsPlan, dklsSetup, makeDklsCase, runDkls, SCHEMES, signerItems } from './dkls-run.ts'
import { multiplies, withInputs } from './rogue.ts'
import { expectBatch } from './verify-signature.ts'

const isWiped = (bytes: Uint8Array): boolean => bytes.every((b) => b === 0)

describe.each([2, 3])('C-05, t = %i: every secret buffer of a signer is wiped on every exit', (threshold) => {
  const c = makeDklsCase({ threshold, digests: numbered('secrets', 2).map(bytes32), seed: 'secrets' })
  const sessionId = sessionIdOf(dklsSetup(c))
  const honest = runDkls(c)
  const sentTo1 = (round: number): readonly Uint8Array[] =>
    honest.sent.filter((p) => p.to === 1 && p.round === round).map((p) => p.bytes)

  function watchedSigner(options: Parameters<typeof dklsPlan>[1] = {}) {
    const watched = watchSecrets(c.world.curves)
    const session = openSession(dklsPlan(c, { ...options, curvesFor: () => watched.curves }), sessionId, 1)
    // 48 bytes are what scalars are reduced from: the nonces' are wiped where they are reduced, gadget's and thetas' are public.
    return { session, left: () => watched.buffers().filter((b) => b.length !== 48 && !isWiped(b)) }
  }

  it('done; and before that they hold something', () => {
    const { session, left } = watchedSigner()
    session.start()
    expect(left().length).toBeGreaterThan(1)
    session.receive(sentTo1(1))
    expect(left().length).toBeGreaterThan(9)
    expect(session.receive(sentTo1(2)).end?.type).toBe('done')
    expect(left()).toEqual([])
  })

  it('stopped after each round', () => {
    for (const rounds of [0, 1]) {
      const { session, left } = watchedSigner()
      session.start()
      if (rounds > 0) session.receive(sentTo1(1))
      session.stop()
      expect(left()).toEqual([])
    }
  })

  it('failed by a check', () => {
    const { session, left } = watchedSigner()
    session.start()
    session.receive(sentTo1(1))
    const bad = runDkls(c, { malicious: multiplies(2, (m) => ({ ...m, gammaV: m.gammaU })) })
    const end = session.receive(bad.sent.filter((p) => p.to === 1 && p.round === 2).map((p) => p.bytes)).end
    expect(end).toMatchObject({ type: 'failed', fault: { code: 'EC_CHECK_V' } })
    expect(left()).toEqual([])
  })

  it('the multiplications wipe what they hold, whatever the end', () => {
    const wiped: string[] = []
    const before = [RvoleReceiver.prototype.wipe, RvoleSender.prototype.wipe] as const
    RvoleReceiver.prototype.wipe = function (this: RvoleReceiver) {
      wiped.push('receiver')
      before[0].call(this)
    }
    RvoleSender.prototype.wipe = function (this: RvoleSender) {
      wiped.push('sender')
      before[1].call(this)
    }
    try {
      const { session } = watchedSigner()
      session.start()
      session.receive(sentTo1(1))
      session.stop()
    } finally {
      RvoleReceiver.prototype.wipe = before[0]
      RvoleSender.prototype.wipe = before[1]
    }
    expect(wiped.filter((w) => w === 'receiver')).toHaveLength(threshold - 1)
    expect(wiped.filter((w) => w === 'sender')).toHaveLength(threshold - 1)
  })

  it('the key share and the set-ups belong to the host and stay', () => {
    const items = signerItems(c, 1)
    const { session } = watchedSigner({ params: () => ({ items }) })
    session.start()
    session.receive(sentTo1(1))
    session.receive(sentTo1(2))
    for (const item of items) expect(isWiped((item as AcceptedItem).share)).toBe(false)
    for (const pair of c.pairs.get(1)?.values() ?? []) {
      expect([pair.zseed, pair.sender.delta, pair.sender.seeds, pair.receiver.seeds0].some(isWiped)).toBe(false)
    }
  })
})

it.each(SCHEMES)('%s: no BigInt on the way: sessions complete although toBigInt throws (native back end)', (scheme) => {
  const c = makeDklsCase({ scheme, threshold: 3, seed: 'no BigInt' })
  const run = runDkls(c, { curvesFor: () => watchSecrets(c.world.curves).curves })
  expectBatch(c, assembleRun(c, run))
})

describe.each([2, 3])('T-13, t = %i: what the coordinator sees of a session', (threshold) => {
  const c: DklsCase = makeDklsCase({ threshold, digests: numbered('seen', 2).map(bytes32), seed: 'seen' })
  const secrets = new Map<string, Uint8Array>()
  const run = withInputs(
    (from, to, inputs) => {
      for (const [k, r] of inputs.u.entries()) secrets.set(`r of ${from}, item ${k}`, Uint8Array.from(r))
      for (const [k, key] of inputs.v.entries()) secrets.set(`sk of ${from} towards ${to}, item ${k}`, Uint8Array.from(key))
      return inputs
    },
    () => runDkls(c),
  )
  for (const id of c.signers) {
    secrets.set(`identity of ${id}`, identityOf(c.world, id).signSeed)
    for (const [b, key] of c.keys.entries()) secrets.set(`share ${b} of ${id}`, key.shares.get(id) as Uint8Array)
    for (const [peer, pair] of c.pairs.get(id) ?? []) {
      secrets.set(`zseed of ${id} and ${peer}`, pair.zseed)
      secrets.set(`Delta of ${id} towards ${peer}, twice`, concat(pair.sender.delta, pair.sender.delta))
      for (let i = 0; i < 128; i += 9)
        secrets.set(`seeds ${i} of ${id} and ${peer}`, pair.receiver.seeds0.slice(16 * i, 16 * i + 32))
    }
  }
  for (const [b, key] of c.keys.entries()) secrets.set(`key ${b}`, key.secret)

  it('none of the secrets, in any encoding', () => {
    expect(secrets.size).toBeGreaterThan(40)
    expect(findSecrets(wire(run), secrets)).toEqual([])
  })

  it('and the scan finds one when it is there', () => {
    const leaky = concat(wire(run), Buffer.from(Buffer.from(secrets.get('key 0') as Uint8Array).toString('base64')))
    expect(findSecrets(leaky, secrets)).toContainEqual(expect.stringContaining('key 0 as base64'))
  })
})
