import { describe, expect, it } from 'vitest'
import { SUITES, sessionId as sessionIdOf } from '../../../src/protocol/channel/setup.ts'
import { concat, wipe } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { bindOf, contextOf } from '../../../src/protocol/hm/context.ts'
import { maskShares, nonceShares } from '../../../src/protocol/hm/pseudo-random.ts'
import { openingOf } from '../../../src/protocol/hm/sign.ts'
import { type Generation, type SharedKey, wipeGeneration } from '../../../src/protocol/prss/generation.ts'
import { openSession, wire } from '../../simulator/run-session.ts'
import { findSecrets } from '../../simulator/secret-scan.ts'
import { identityOf } from '../../simulator/world.ts'
import { bytes32, numbered } from '../signing/dealt-key.ts'
import { watchSecrets } from '../signing/watch-secrets.ts'
import {
  assembleRun,
  contextFields,
  ECDSA_SCHEMES,
  groupOf,
  type HmCase,
  hmPlan,
  hmSetup,
  makeHmCase,
  openingsOf,
  runHm,
  signerItems,
} from './hm-run.ts'
import { expectBatch } from './verify-signature.ts'

describe.each(ECDSA_SCHEMES)('%s', (scheme) => {
  const c = makeHmCase({ scheme, digests: numbered('secrets', 2).map(bytes32), seed: 'secrets' })
  const sessionId = sessionIdOf(hmSetup(c))
  const honest = runHm(c)
  const peerBroadcasts = [2, 3].map((id) => honest.sent.find((p) => p.from === id && p.to === 1)?.bytes as Uint8Array)
  const isWiped = (bytes: Uint8Array): boolean => bytes.every((b) => b === 0)

  function watchedSigner(params: Parameters<typeof hmPlan>[1] = {}) {
    const watched = watchSecrets(c.world.curves)
    const session = openSession(hmPlan(c, { ...params, curvesFor: () => watched.curves }), sessionId, 1)
    return { session, buffers: watched.buffers }
  }

  describe('C-05: every secret buffer of a signer is wiped on every exit', () => {
    it('done; and before that they hold something', () => {
      const { session, buffers } = watchedSigner()
      session.start()
      expect(buffers().filter((b) => !isWiped(b))).toHaveLength(4) // k and a of two items
      expect(session.receive(peerBroadcasts).end?.type).toBe('done')
      expect(buffers().length).toBeGreaterThan(12)
      expect(buffers().filter((b) => !isWiped(b))).toEqual([])
    })

    it('stopped between the rounds', () => {
      const { session, buffers } = watchedSigner()
      session.start()
      session.stop()
      expect(buffers().filter((b) => !isWiped(b))).toEqual([])
    })

    it('failed by a check', () => {
      const { session, buffers } = watchedSigner({ params: () => ({ items: signerItems(c, 1).toReversed() }) })
      session.start()
      expect(session.receive(peerBroadcasts).end).toMatchObject({ type: 'failed', fault: { code: 'HM_R_DEGREE' } })
      expect(buffers().filter((b) => !isWiped(b))).toEqual([])
    })

    it('stopped by a bug of ours: a share that is no scalar', () => {
      const items = signerItems(c, 1).map((item) => ({ ...item, share: new Uint8Array(32).fill(255) }))
      const { session, buffers } = watchedSigner({ params: () => ({ items }) })
      session.start()
      expect(() => session.receive(peerBroadcasts)).toThrow('canonical')
      expect(buffers().filter((b) => !isWiped(b))).toEqual([])
    })

    it('the key share itself belongs to the host and stays', () => {
      const items = signerItems(c, 1)
      const { session } = watchedSigner({ params: () => ({ items }) })
      session.start()
      session.receive(peerBroadcasts)
      for (const item of items) expect('share' in item && isWiped(item.share)).toBe(false)
    })

    it('no BigInt on the way: sessions complete although toBigInt throws (native back end)', () => {
      const run = runHm(c, { curvesFor: () => watchSecrets(c.world.curves).curves })
      expectBatch(c.items, assembleRun(c, run), scheme)
    })
  })

  describe('a PRSS generation that ends between the rounds (rotation, shutdown)', () => {
    const copy = (k: SharedKey): SharedKey => ({
      ...k,
      prf: Uint8Array.from(k.prf),
      mac: Uint8Array.from(k.mac),
      confirm: Uint8Array.from(k.confirm),
    })
    function ownGeneration(): Generation {
      const g = c.generations.get(1) as Generation
      const pairs = new Map([...g.pairs].map(([peer, k]) => [peer, copy(k)]))
      return { ...g, pairs, subsets: [...pairs.values()] }
    }
    const signer = (generation: Generation) =>
      openSession(hmPlan({ ...c, generations: new Map(c.generations).set(1, generation) }), sessionId, 1)

    it('HM_KID and no answer: masks under wiped keys would be computable by anybody', () => {
      const generation = ownGeneration()
      const session = signer(generation)
      session.start()
      wipeGeneration(generation)
      const { end, outgoing } = session.receive(peerBroadcasts)
      expect(end).toMatchObject({ type: 'failed', fault: { code: 'HM_KID', culprits: [] } })
      expect(outgoing).toEqual([])
    })

    it('the same when only PRF keys are gone, so that authentication still works', () => {
      const generation = ownGeneration()
      const session = signer(generation)
      session.start()
      for (const k of generation.subsets) wipe(k.prf)
      const { end, outgoing, commits } = session.receive(peerBroadcasts)
      expect(end).toMatchObject({ type: 'failed', fault: { code: 'HM_KID', culprits: [] } })
      expect([outgoing, commits]).toEqual([[], []])
    })

    it('a session does not begin under a wiped generation', () => {
      const generation = ownGeneration()
      wipeGeneration(generation)
      const { end, outgoing } = signer(generation).start()
      expect(end).toMatchObject({ type: 'failed', fault: { code: 'HM_KID' } })
      expect(outgoing).toEqual([])
    })
  })

  describe('T-13: what the coordinator sees of a session', () => {
    const cases: readonly (readonly [string, HmCase])[] = [
      ['n = 3', c],
      [
        'n = 5, t = 3',
        makeHmCase({ scheme, ids: 5, threshold: 3, digests: numbered('secrets', 2).map(bytes32), seed: 'secrets of five' }),
      ],
    ]
    for (const [name, set] of cases) {
      const run = runHm(set)
      const ctx = contextOf(contextFields(set, run))
      const group = groupOf(set)
      const count = set.items.length
      const points = new Map(
        [...openingsOf(run)].map(([id, body]) => [id, openingOf(group).read(body, id, count).points] as const),
      )
      const bind = bindOf(
        ctx,
        count,
        set.items.map((_, b) => b),
        set.signers,
        points,
      )
      const secrets = new Map<string, Uint8Array>()
      const keep = (label: string, values: readonly Uint8Array[]): void => {
        for (const [i, value] of values.entries()) secrets.set(`${label} ${i}`, value)
      }
      for (const id of set.signers) {
        const g = set.generations.get(id) as Generation
        keep(`nonce shares of ${id}`, nonceShares(group, g, id, SUITES[scheme], count, ctx).flat())
        keep(`masks of ${id}`, maskShares(group, g, id, SUITES[scheme], count, ctx, bind).flat())
        for (const k of [...g.pairs.values(), ...g.subsets]) keep(`PRSS key ${k.members.join()}`, [k.prf, k.mac, k.confirm])
        keep(`identity of ${id}`, [identityOf(set.world, id).signSeed, identityOf(set.world, id).exchangeSecret])
        keep(
          `key shares of ${id}`,
          set.keys.map((key) => key.shares.get(id) as Uint8Array),
        )
      }
      keep(
        'keys',
        set.keys.map((key) => key.secret),
      )

      it(`${name}: none of ${secrets.size} secrets, in any encoding`, () => {
        expect(secrets.size).toBeGreaterThan(30)
        expect(findSecrets(wire(run), secrets)).toEqual([])
      })

      it(`${name}: and the scan finds one when it is there`, () => {
        const share = set.keys[0]?.shares.get(1 as PartyId) as Uint8Array
        const leaky = concat(wire(run), Buffer.from(Buffer.from(share).toString('base64')))
        // Without + and / it is base64url as well.
        for (const found of findSecrets(leaky, secrets)) expect(found).toContain('key shares of 1 0 as base64')
        expect(findSecrets(leaky, secrets)).not.toEqual([])
      })
    }
  })
})
