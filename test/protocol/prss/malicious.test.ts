import { describe, expect, it } from 'vitest'
import { decodeEnvelope, type Envelope } from '../../../src/protocol/channel/envelope.ts'
import { settleViews } from '../../../src/protocol/channel/views.ts'
import { concat } from '../../../src/protocol/engine/bytes.ts'
import { bytes, list, message, uint } from '../../../src/protocol/engine/codec.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import type { Established } from '../../../src/protocol/prss/establish.ts'
import { equivocate } from '../../simulator/relay.ts'
import type { Run } from '../../simulator/run-session.ts'
import type { Twin } from '../../simulator/twin.ts'
import { makeWorld } from '../../simulator/world.ts'
import { bytes32 } from '../signing/dealt-key.ts'
import { type EstablishCase, generationsOf, runEstablish } from './establish-run.ts'

// The wire forms once more: a malicious signer has its own encoder, and a change of the real one should be noticed here.
const OPEN = message({ rosterHash: bytes(32), boot: uint(2 ** 32 - 1), bootNonce: bytes(32), ephemeral: bytes(32) }, 160)
const TAGS_MESSAGE = message({ tags: list(bytes(32), 20) }, 1000)
const PARTS = message({ parts: list(bytes(32), 20) }, 1000)

const world = makeWorld({ ids: 5, seed: 'malicious prss' })
const three: EstablishCase = { world, threshold: 2, signers: [1, 2, 3], seed: 'three' }
const five: EstablishCase = { world, threshold: 3, signers: [1, 2, 3, 4, 5], seed: 'five' }
const M = 3

const ends = (run: Run<Established, never>): Readonly<Record<PartyId, string>> =>
  Object.fromEntries(
    [...run.ends].map(([id, end]) => [id, end.type === 'done' ? 'done' : [end.fault.code, ...end.fault.culprits].join(' ')]),
  )
const with3 = (c: EstablishCase, hooks: Twin<never>) => runEstablish({ ...c, malicious: new Map([[M, hooks]]) })
const opening = (change: (own: ReturnType<typeof OPEN.decode>) => Partial<ReturnType<typeof OPEN.decode>>): Twin<never> => ({
  send: (e, round) => {
    if (round !== 1) return e
    const own = OPEN.decode(e.broadcast as Uint8Array)
    return { ...e, broadcast: OPEN.encode({ ...own, ...change(own) }) }
  },
})
const confirming = (c: EstablishCase, change: (tags: readonly Uint8Array[]) => readonly Uint8Array[]): Twin<never> => ({
  send: (e, round) =>
    round !== c.threshold
      ? e
      : { ...e, broadcast: TAGS_MESSAGE.encode({ tags: change(TAGS_MESSAGE.decode(e.broadcast as Uint8Array).tags) }) },
})
const afterwards = (c: EstablishCase): void => {
  expect(generationsOf(runEstablish({ ...c, seed: `${c.seed} afterwards` })).size).toBe(c.signers.length)
}

describe('hm 7.1 G1: a malicious opening', () => {
  it('another roster hash: PRSS_MISMATCH at once, nobody named', () => {
    const run = with3(
      three,
      opening(() => ({ rosterHash: bytes32('other') })),
    )
    for (const id of [1, 2]) {
      expect(run.ends.get(id)).toMatchObject({ fault: { code: 'PRSS_MISMATCH', culprits: [], detail: 'another roster' } })
      expect(run.sent.filter((p) => p.from === id && p.round > 1)).toEqual([])
    }
    afterwards(three)
  })

  it('a boot counter lower than one seen: PRSS_MISMATCH at the one who saw it, nobody named; equal and higher ones pass', () => {
    const seen = (count: number) =>
      runEstablish({ ...three, params: (id) => (id === 1 ? { bootsSeen: new Map([[M, count]]) } : {}) })
    expect(ends(seen(8))[1]).toBe('PRSS_MISMATCH')
    expect(ends(seen(7))).toEqual({ 1: 'done', 2: 'done', 3: 'done' })
    expect(ends(seen(6))).toEqual({ 1: 'done', 2: 'done', 3: 'done' })
  })

  const lowOrder = [
    '00'.repeat(32),
    `01${'00'.repeat(31)}`,
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    `ec${'ff'.repeat(30)}7f`,
    `ed${'ff'.repeat(30)}7f`,
    `ee${'ff'.repeat(30)}7f`,
  ]
  it.each(lowOrder)('low-order ephemeral %s: MALFORMED naming 3', (hex) => {
    const run = with3(
      three,
      opening(() => ({ ephemeral: Buffer.from(hex, 'hex') })),
    )
    expect(ends(run)).toMatchObject({ 1: 'MALFORMED 3', 2: 'MALFORMED 3' })
  })

  it('K-01 a low-order key of 3 in the roster: CHANNEL naming 3', () => {
    const exchangeKey = Buffer.from(lowOrder[0] as string, 'hex')
    const run = runEstablish({
      ...three,
      env: (env) => ({
        ...env,
        roster: { ...env.roster, members: env.roster.members.map((m) => (m.id === 3 ? { ...m, exchangeKey } : m)) },
      }),
    })
    expect(ends(run)).toMatchObject({ 1: 'CHANNEL 3', 2: 'CHANNEL 3' })
  })

  it("1's ephemeral copied by 3: 3 cannot confirm a key it does not know", () => {
    const { sent } = runEstablish(three)
    const body = (decodeEnvelope(sent.find((p) => p.from === 1)?.bytes as Uint8Array) as Envelope).body.slice(32)
    const { ephemeral } = OPEN.decode(body)
    const run = with3(
      three,
      opening(() => ({ ephemeral })),
    )
    expect(ends(run)).toMatchObject({ 1: 'PRSS_MISMATCH', 2: 'PRSS_MISMATCH' })
  })

  it.each([
    ['empty', new Uint8Array(0)],
    [
      'cut',
      OPEN.encode({ rosterHash: world.roster.hash, boot: 7, bootNonce: bytes32('b'), ephemeral: bytes32('e') }).slice(0, -1),
    ],
    [
      'long',
      concat(
        OPEN.encode({ rosterHash: world.roster.hash, boot: 7, bootNonce: bytes32('b'), ephemeral: bytes32('e') }),
        Uint8Array.of(0),
      ),
    ],
  ])('%s body: MALFORMED naming 3', (_, broadcast) => {
    const run = with3(three, { send: (e, round) => (round === 1 ? { ...e, broadcast } : e) })
    expect(ends(run)).toMatchObject({ 1: 'MALFORMED 3', 2: 'MALFORMED 3' })
  })

  it('two G1 of 3 shown to two peers: nobody has a generation, and the signed pair names 3', () => {
    const other = OPEN.encode({
      rosterHash: world.roster.hash,
      boot: 7,
      bootNonce: bytes32('b'),
      ephemeral: world.curves.x25519PublicKey(bytes32('e')),
    })
    const travelled: Uint8Array[] = []
    const split = equivocate(world, (envelope) => ({ body: concat(envelope.body.slice(0, 32), other) }))
    const run = runEstablish({
      ...three,
      rules: [
        {
          when: { from: M, to: 2, round: 1 },
          act: (parcel) => {
            const shown = split(parcel)
            travelled.push(parcel.bytes, ...shown.map((p) => p.bytes))
            return shown
          },
        },
      ],
    })
    expect(ends(run)).toMatchObject({ 1: 'INCONSISTENT_BROADCAST', 2: 'INCONSISTENT_BROADCAST' })
    const context = { sessionId: run.sessionId, signers: three.signers, roster: world.roster, curves: world.curves }
    expect(settleViews(context, travelled)).toEqual({ equivocators: [M], falsePrev: [] })
    afterwards(three)
  })
})

for (const c of [three, five]) {
  const n = c.signers.length
  const honestPeers = c.signers.filter((id) => id !== M)
  const all = (end: string) => Object.fromEntries(honestPeers.map((id) => [id, end]))

  describe(`hm 7.1 G2: n = ${n}`, () => {
    it('a wrong tag: PRSS_MISMATCH at those who share its key, nobody named', () => {
      const wrong = with3(
        c,
        confirming(c, (tags) => tags.map((_, i) => bytes32(`wrong ${i}`))),
      )
      expect(ends(wrong)).toMatchObject(all('PRSS_MISMATCH'))
      const one = with3(
        c,
        confirming(c, (tags) => tags.with(0, bytes32('wrong'))),
      )
      expect(Object.values(ends(one)).filter((e) => e === 'PRSS_MISMATCH')).toHaveLength(1)
      afterwards(c)
    })

    it("the peers' tags echoed: a tag contains its sender", () => {
      const { sent } = runEstablish(c)
      const last = sent.find((p) => p.from === 1 && p.round === c.threshold)
      const seen = TAGS_MESSAGE.decode((decodeEnvelope(last?.bytes as Uint8Array) as Envelope).body).tags
      const run = with3(
        c,
        confirming(c, () => seen),
      )
      expect(ends(run)).toMatchObject(all('PRSS_MISMATCH'))
    })

    it('one tag in all places: only the peer of that key is content', () => {
      const run = with3(
        c,
        confirming(c, (tags) => tags.map(() => tags[0] as Uint8Array)),
      )
      const contents = honestPeers.filter((id) => ends(run)[id] === 'done')
      expect(contents).toEqual(n === 3 ? [1] : [])
      for (const id of honestPeers.filter((p) => !contents.includes(p))) expect(ends(run)[id]).toBe('PRSS_MISMATCH')
    })

    it('a tag fewer or more: MALFORMED naming 3', () => {
      expect(
        ends(
          with3(
            c,
            confirming(c, (tags) => tags.slice(1)),
          ),
        ),
      ).toMatchObject(all('MALFORMED 3'))
      expect(
        ends(
          with3(
            c,
            confirming(c, () => []),
          ),
        ),
      ).toMatchObject(all('MALFORMED 3'))
      if (n === 3)
        expect(
          ends(
            with3(
              c,
              confirming(c, (tags) => [...tags, bytes32('x')]),
            ),
          ),
        ).toMatchObject(all('MALFORMED 3'))
    })

    it('the order of tags says nothing', () => {
      expect(
        ends(
          with3(
            c,
            confirming(c, (tags) => tags.toReversed()),
          ),
        ),
      ).toMatchObject(all('done'))
    })
  })
}

describe("hm 7.1 contributions: t' = 2", () => {
  const contributing = (to: PartyId, change: (parts: readonly Uint8Array[]) => readonly Uint8Array[]): Twin<never> => ({
    send: (e, round) => {
      if (round !== 2 || e.direct === undefined) return e
      const direct = new Map(e.direct)
      const own = PARTS.decode(direct.get(to) as Uint8Array)
      return { ...e, direct: direct.set(to, PARTS.encode({ parts: change(own.parts) })) }
    },
  })

  it('different contributions to two members: PRSS_MISMATCH at every other member of that subset, nobody named', () => {
    // 1 lists its subsets ascending: 1,2,3 first; of those shared with 3 that is the first one, too.
    const run = with3(
      five,
      contributing(1, (parts) => parts.with(0, bytes32('for 1 only'))),
    )
    expect(ends(run)).toMatchObject({ 1: 'PRSS_MISMATCH', 2: 'PRSS_MISMATCH', 4: 'done', 5: 'done' })
    afterwards(five)
  })

  it.each([
    ['none', () => []],
    ['one fewer', (parts: readonly Uint8Array[]) => parts.slice(1)],
    ['one more', (parts: readonly Uint8Array[]) => [...parts, bytes32('x')]],
  ])('%s: MALFORMED naming 3 at the receiver', (_, change) => {
    expect(ends(with3(five, contributing(1, change)))[1]).toBe('MALFORMED 3')
  })

  it('a body that does not open: MALFORMED naming 3', () => {
    const run = with3(five, {
      send: (e, round) =>
        round !== 2 ? e : { ...e, direct: new Map([...(e.direct ?? [])].map(([to]) => [to, new Uint8Array(0)])) },
    })
    expect(ends(run)).toMatchObject({ 1: 'MALFORMED 3', 2: 'MALFORMED 3', 4: 'MALFORMED 3', 5: 'MALFORMED 3' })
  })
})
