import { createHash, createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { PairSecret } from '../../../src/protocol/dkls23/pair-record.ts'
import { type ZeroPair, zeroShare } from '../../../src/protocol/dkls23/zero-share.ts'
import { concat, toHex, u32 } from '../../../src/protocol/engine/bytes.ts'
import { VERDICTS } from '../../../src/protocol/engine/fault.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { bytes32 } from '../signing/dealt-key.ts'
import { ends, makeDklsCase, pairOf, runDkls } from './dkls-run.ts'

const CTX = bytes32('ctx')

/** What every party knows of every other: one seed for each two, one nonce for each direction. */
function zeroPairs(ids: readonly PartyId[], name = ''): ReadonlyMap<PartyId, ReadonlyMap<PartyId, ZeroPair>> {
  const both = (a: PartyId, b: PartyId): string => [a, b].sort((x, y) => x - y).join()
  return new Map(
    ids.map((self) => [
      self,
      new Map(
        ids
          .filter((id) => id !== self)
          .map((peer) => [
            peer,
            {
              zseed: bytes32(`${name} seed ${both(self, peer)}`),
              own: bytes32(`${name} nonce ${self} to ${peer}`),
              theirs: bytes32(`${name} nonce ${peer} to ${self}`),
            },
          ]),
      ),
    ]),
  )
}

describe.each([
  ['secp256k1', nativeCurves.secp256k1],
  ['P-256', nativeCurves.p256],
] as const)('zero shares, %s', (_, group) => {
  const share = (all: ReturnType<typeof zeroPairs>, id: PartyId, instance = 0, ctx = CTX): Uint8Array =>
    zeroShare(group, ctx, id, all.get(id) as ReadonlyMap<PartyId, ZeroPair>, instance)

  it.each([[[1, 2, 3]], [[2, 5, 9, 11]], [[1, 2, 3, 4, 5]], [[7, 300, 65534]]])(
    '{%s}: they add up to zero in each instance, and none is zero',
    (ids) => {
      const all = zeroPairs(ids)
      for (const instance of [0, 1, 63]) {
        const sum = new Uint8Array(32)
        for (const id of ids) {
          const value = share(all, id, instance)
          expect(group.isZero(value)).toBe(false)
          group.addAssign(sum, value)
        }
        expect(group.isZero(sum)).toBe(true)
      }
    },
  )

  it('every instance, session, nonce of either side and seed gives another value (N4’)', () => {
    const all = zeroPairs([1, 2, 3])
    const changed = (change: (pair: ZeroPair) => ZeroPair): ReturnType<typeof zeroPairs> =>
      new Map(
        [...all].map(([id, pairs]) => [id, new Map([...pairs].map(([peer, pair]) => [peer, peer === 2 ? change(pair) : pair]))]),
      )
    const values = [
      share(all, 1),
      share(all, 1, 1),
      share(all, 1, 2),
      share(all, 1, 0, bytes32('another ctx')),
      share(
        changed((pair) => ({ ...pair, own: bytes32('x') })),
        1,
      ),
      share(
        changed((pair) => ({ ...pair, theirs: bytes32('x') })),
        1,
      ),
      share(
        changed((pair) => ({ ...pair, zseed: bytes32('x') })),
        1,
      ),
      share(
        changed((pair) => ({ ...pair, own: pair.theirs, theirs: pair.own })),
        1,
      ),
      share(all, 2),
      share(all, 3),
    ]
    expect(new Set(values.map(toHex)).size).toBe(values.length)
  })

  it('two of three who put their seeds together learn the third’s value; one alone lacks a seed of it', () => {
    const ids = [1, 2, 3]
    const all = zeroPairs(ids)
    const others = group.addAssign(share(all, 1), share(all, 2))
    expect(group.negAssign(others)).toEqual(share(all, 3))
    // Signer 1 knows the seed it has with 3, and not the one between 2 and 3: with any other for that one, another value.
    const guessed = zeroPairs(ids, 'guess')
    const known = new Map([
      [1, all.get(3)?.get(1) as ZeroPair],
      [2, guessed.get(3)?.get(2) as ZeroPair],
    ])
    expect(zeroShare(group, CTX, 3, known, 0)).not.toEqual(share(all, 3))
  })

  it('is what protocols.md 6.3 says', () => {
    const { zseed, own, theirs } = (zeroPairs([3, 8]).get(3) as ReadonlyMap<PartyId, ZeroPair>).get(8) as ZeroPair
    const parts = [Buffer.from('quorate/v1/zero'), zseed, CTX, own, theirs, u32(5)]
    const key = createHash('sha256')
      .update(concat(...parts.flatMap((part) => [u32(part.length), part])))
      .digest()
    const first = createHmac('sha256', key).update(Uint8Array.of(1)).digest()
    const second = createHmac('sha256', key).update(first).update(Uint8Array.of(2)).digest()
    const wide = BigInt(`0x${first.toString('hex')}${second.toString('hex').slice(0, 32)}`)
    const expected = group.scalar(wide)
    const all = zeroPairs([3, 8])
    expect(share(all, 3, 5)).toEqual(expected)
    expect(share(all, 8, 5)).toEqual(group.negAssign(expected))
  })

  it('no peers, as with two signers: zero (N4)', () => {
    expect(group.isZero(zeroShare(group, CTX, 1, new Map(), 0))).toBe(true)
  })
})

describe.each([
  [3, 5, [1, 2, 3]],
  [3, 5, [2, 3, 5]],
  [4, 5, [1, 3, 4, 5]],
] as const)('O-15 %i of %i, S = {%s}: two of them have different zero-share seeds', (threshold, ids, signers) => {
  const c = makeDklsCase({ ids, threshold, signers, seed: `zero ${signers}` })
  const wrong = (id: PartyId, peer: PartyId): ReadonlyMap<PartyId, PairSecret> =>
    new Map([...(c.pairs.get(id) ?? [])].map(([p, pair]) => [p, p === peer ? { ...pair, zseed: bytes32('another') } : pair]))

  it('the sum of the key shares is off: PK_SUM at everybody, naming and banning nobody; no share of a signature leaves', () => {
    const [a, b] = [signers[0], signers[1]]
    const run = runDkls(c, { name: 'different', params: (id) => (id === a ? { pairs: wrong(a, b) } : {}) })
    expect(ends(run)).toEqual(Object.fromEntries(signers.map((id) => [id, 'PK_SUM'])))
    expect(VERDICTS.PK_SUM).toBe('investigate')
    expect(run.assembler.size).toBe(0)
    for (const commits of run.commits.values()) expect(commits).toEqual([])
  })

  it('with one seed, though another than at set-up, they sign', () => {
    const [a, b] = [signers[0], signers[1]]
    const run = runDkls(c, {
      name: 'same',
      params: (id) => (id === a ? { pairs: wrong(a, b) } : id === b ? { pairs: wrong(b, a) } : {}),
    })
    expect(ends(run)).toEqual(Object.fromEntries(signers.map((id) => [id, 'done'])))
    expect(pairOf(c, a, b).zseed).toEqual(pairOf(c, b, a).zseed)
  })
})
