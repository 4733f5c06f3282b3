import { describe, expect, it } from 'vitest'
import { sessionId as sessionIdOf } from '../../../src/protocol/channel/setup.ts'
import { concat, toHex } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { openingOf } from '../../../src/protocol/frost/sign.ts'
import { type Commitment, commitmentOf, context, drawNonces, signShare } from '../../../src/protocol/frost/signature-share.ts'
import { openSession, wire } from '../../simulator/run-session.ts'
import { findSecrets } from '../../simulator/secret-scan.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'
import { identityOf, nativeCurves } from '../../simulator/world.ts'
import { bytes32, dealKey, numbered } from '../signing/dealt-key.ts'
import { watchSecrets } from '../signing/watch-secrets.ts'
import {
  assembleRun,
  FROST_SCHEMES,
  type FrostRun,
  frostItems,
  frostPlan,
  frostSetup,
  makeFrostCase,
  openingsOf,
  runFrost,
  suiteOf,
} from './frost-run.ts'
import { expectBatch } from './verify-signature.ts'

const stuck = () => (length: number) => new Uint8Array(length).fill(0x55)
const isWiped = (bytes: Uint8Array): boolean => bytes.every((b) => b === 0)

describe.each(FROST_SCHEMES)('%s', (scheme) => {
  const suite = suiteOf(scheme)
  const group = suite.group(nativeCurves)
  const key = dealKey({ curves: nativeCurves, scheme, ids: [1, 2, 3], threshold: 2, seed: 'nonces' })
  const share = key.shares.get(1) as Uint8Array

  describe('F-01, 14.6 nonce reuse: a nonce is used once', () => {
    const commitmentsWith = (own: Commitment): ReadonlyMap<PartyId, Commitment> =>
      new Map([
        [1, own],
        [3, commitmentOf(group, drawNonces(suite, group, key.shares.get(3) as Uint8Array, seededRng('peer')))],
      ])

    it('signing wipes it, and signing again with the same object is refused', () => {
      const nonces = drawNonces(suite, group, share, seededRng('once'))
      const c = context(suite, group, key.publicKey, commitmentsWith(commitmentOf(group, nonces)), bytes32('m'))
      if (c === null) throw new Error('the identity')
      signShare(group, 1, nonces, share, c)
      expect([nonces.hiding, nonces.binding].every(isWiped)).toBe(true)
      expect(() => signShare(group, 1, nonces, share, c)).toThrow('used')
    })

    it('a nonce pair with one zero is refused, too: what is left would be a linear equation in the share', () => {
      const c = context(
        suite,
        group,
        key.publicKey,
        commitmentsWith(commitmentOf(group, drawNonces(suite, group, share, seededRng('x')))),
        bytes32('m'),
      )
      if (c === null) throw new Error('the identity')
      for (const part of ['hiding', 'binding'] as const) {
        const nonces = { ...drawNonces(suite, group, share, seededRng('zero')), [part]: new Uint8Array(32) }
        expect(() => signShare(group, 1, nonces, share, c)).toThrow('used')
      }
    })

    it('a share that is no scalar: refused, and the nonces are gone all the same', () => {
      const nonces = drawNonces(suite, group, share, seededRng('once'))
      const c = context(suite, group, key.publicKey, commitmentsWith(commitmentOf(group, nonces)), bytes32('m'))
      if (c === null) throw new Error('the identity')
      expect(() => signShare(group, 1, nonces, new Uint8Array(32).fill(255), c)).toThrow(RangeError)
      expect([nonces.hiding, nonces.binding].every(isWiped)).toBe(true)
    })
  })

  describe('F-03: the generator is stuck', () => {
    const inputs = [bytes32('a'), bytes32('b')]
    const c = makeFrostCase({ scheme, inputs, seed: 'stuck' })
    const points = (run: FrostRun): readonly string[] =>
      [...openingsOf(run)].flatMap(([id, body]) =>
        openingOf(group)
          .read(body, id, 2)
          .points.flatMap((p) => [toHex((p as Commitment).hiding), toHex((p as Commitment).binding)]),
      )

    it('every commitment of every item, signer and session is still another one, and signatures verify', () => {
      const other = {
        ...c,
        items: c.items.with(1, {
          ...(c.items[1] as (typeof c.items)[0]),
          instance: makeFrostCase({ scheme, inputs: [bytes32('c')], seed: 'x' }).items[0]?.instance as Uint8Array,
        }),
      }
      const runs = [
        runFrost(c, { rngFor: stuck }),
        runFrost(c, { name: 'another session', rngFor: stuck }),
        runFrost(other, { rngFor: stuck }),
      ]
      const all = runs.flatMap(points)
      expect(all).toHaveLength(3 * 2 * 2 * 2)
      expect(new Set(all).size).toBe(all.length)
      expectBatch(c, assembleRun(c, runs[0] as FrostRun))
    })

    it('two items of one key in one batch: also with the same share and the same random bytes', () => {
      const first = c.keys[0] as (typeof c.keys)[0]
      const items = c.items.map((item) => ({ ...item, publicKey: first.publicKey }))
      const oneKey = { ...c, keys: [first, first], items }
      const run = runFrost(oneKey, { rngFor: stuck })
      expect(new Set(points(run)).size).toBe(8)
      expectBatch(oneKey, assembleRun(oneKey, run))
    })
  })

  describe('F-04: the binding factor of every signer covers key, message and the whole list', () => {
    const random = seededRng('list')
    const commitments = new Map([1, 2, 3].map((id) => [id, commitmentOf(group, drawNonces(suite, group, share, random))]))
    const factors = (
      list: ReadonlyMap<PartyId, Commitment>,
      publicKey = key.publicKey,
      message = bytes32('m'),
    ): readonly string[] => [...(context(suite, group, publicKey, list, message)?.bindingFactors.values() ?? [])].map(toHex)
    const base = factors(commitments)

    it('any change changes all of them', () => {
      const point = group.baseMul(group.scalar(12_345))
      const changes = [
        ...[1, 2, 3].flatMap((id) =>
          (['hiding', 'binding'] as const).map((part) =>
            factors(new Map(commitments).set(id, { ...(commitments.get(id) as Commitment), [part]: point })),
          ),
        ),
        factors(commitments, point),
        factors(commitments, key.publicKey, bytes32('n')),
        factors(new Map([...commitments].slice(0, 2))),
      ]
      const all = [base, ...changes].flat()
      expect(new Set(all).size).toBe(all.length)
    })
  })

  describe('C-05, T-13 what stays and what is seen', () => {
    const c = makeFrostCase({ scheme, inputs: numbered('secrets', 2).map(bytes32), seed: 'secrets' })
    const id = sessionIdOf(frostSetup(c))
    const peer = runFrost(c).sent.find((p) => p.from === 2 && p.kind === 'broadcast')?.bytes as Uint8Array

    function watchedSigner(items = frostItems(c, 1)) {
      const watched = watchSecrets(c.world.curves)
      const drawn: Uint8Array[] = []
      const plan = frostPlan(c, {
        params: () => ({ items }),
        env: (env) => ({
          ...env,
          curves: watched.curves,
          rng: (length) => {
            const bytes = env.rng(length)
            drawn.push(bytes)
            return bytes
          },
        }),
      })
      return { session: openSession(plan, id, 1), drawn, watched }
    }
    const secretsOf = (w: ReturnType<typeof watchedSigner>): readonly Uint8Array[] => [...w.drawn, ...w.watched.multiplied()]

    it('nonces and the randomness they come from are wiped: done, stopped between the rounds, stopped by a bug of ours', () => {
      for (const exit of ['done', 'stopped', 'bug'] as const) {
        const items = frostItems(c, 1).map((item) =>
          'share' in item && exit === 'bug' ? { ...item, share: new Uint8Array(32).fill(255) } : item,
        )
        const w = watchedSigner(items)
        w.session.start()
        expect(secretsOf(w)).toHaveLength(8)
        expect(w.watched.multiplied().filter((b) => !isWiped(b))).toHaveLength(4)
        if (exit === 'done') expect(w.session.receive([peer]).end?.type).toBe('done')
        else if (exit === 'stopped') w.session.stop()
        else expect(() => w.session.receive([peer])).toThrow('canonical')
        expect(secretsOf(w).filter((b) => !isWiped(b))).toEqual([])
      }
    })

    it('no BigInt on the way: sessions complete although toBigInt throws (native back end)', () => {
      const run = runFrost(c, { env: (env) => ({ ...env, curves: watchSecrets(env.curves).curves }) })
      expectBatch(c, assembleRun(c, run))
    })

    it('no secret on the wire: shares, keys, nonces, their randomness, identities', () => {
      const secrets = new Map<string, Uint8Array>()
      const run = runFrost(c, {
        env: (env) => ({
          ...env,
          rng: (length) => {
            const bytes = env.rng(length)
            secrets.set(`drawn by ${env.self}: ${secrets.size}`, Uint8Array.from(bytes))
            return bytes
          },
          curves: {
            ...env.curves,
            [group.name]: {
              ...group,
              baseMul: (scalar: Uint8Array) => {
                secrets.set(`nonce of ${env.self}: ${secrets.size}`, Uint8Array.from(scalar))
                return group.baseMul(scalar)
              },
            },
          },
        }),
      })
      expect(secrets.size).toBe(16)
      for (const signer of c.signers) {
        secrets.set(`idS ${signer}`, identityOf(c.world, signer).signSeed)
        for (const [b, dealt] of c.keys.entries()) secrets.set(`share ${b} of ${signer}`, dealt.shares.get(signer) as Uint8Array)
      }
      for (const [b, dealt] of c.keys.entries()) secrets.set(`key ${b}`, dealt.secret)
      expect(findSecrets(wire(run), secrets)).toEqual([])
      expect(findSecrets(concat(wire(run), c.keys[0]?.secret as Uint8Array), secrets)).toEqual(['key 0 as raw'])
    })
  })
})
