import { describe, expect, it } from 'vitest'
import { concat } from '../../../src/protocol/engine/bytes.ts'
import {
  bitmap,
  bodyOf,
  instanceOf,
  MAX_BATCH,
  openingFormat,
  presentItems,
  refusedBy,
  type SignerItem,
} from '../../../src/protocol/signing/batch.ts'
import { REFUSALS, refusalOf } from '../../../src/protocol/signing/refusal.ts'
import { faultOf } from './fault-of.ts'

const format = openingFormat(
  2,
  (bytes) => {
    if (bytes[0] === 0) throw new RangeError('zero')
    return bytes.join()
  },
  'FROST_MALFORMED',
)
const item = { instance: Uint8Array.of(1), input: Uint8Array.of(2), publicKey: Uint8Array.of(3) }
const yes: SignerItem = { item, share: new Uint8Array(32), verifyingShares: new Map() }
const no: SignerItem = { instance: Uint8Array.of(9), refusal: 'policy_denied' }
const malformed = { code: 'FROST_MALFORMED', culprits: [7] }

describe('openings', () => {
  it('round trip: points stand at the index of their item, refusals at theirs', () => {
    const body = format.encode([yes, no, yes], [Uint8Array.of(1, 2), Uint8Array.of(3, 4)])
    expect(format.read(body, 7, 3)).toEqual({ points: ['1,2', null, '3,4'], refusals: [null, 'policy_denied', null] })
  })

  it('the wire form: statuses, then the points of accepted items', () => {
    expect([...format.encode([yes, no], [Uint8Array.of(1, 2)])]).toEqual([0x92, 0xc4, 2, 0, 2, 0xc4, 2, 1, 2])
  })

  it('a full batch fits, one more does not', () => {
    const full = Array.from({ length: MAX_BATCH }, () => yes)
    const points = full.map(() => Uint8Array.of(1, 1))
    expect(format.read(format.encode(full, points), 7, MAX_BATCH).points).toHaveLength(MAX_BATCH)
    expect(() => format.encode([...full, yes], [...points, Uint8Array.of(1, 1)])).toThrow(RangeError)
  })

  it.each([
    ['another count', format.encode([yes], [Uint8Array.of(1, 2)]), 2],
    ['a point missing', format.encode([yes, yes], [Uint8Array.of(1, 2)]), 2],
    ['a point for a refused item', format.encode([yes, no], [Uint8Array.of(1, 2), Uint8Array.of(1, 2)]), 2],
    ['a point that does not parse', format.encode([yes], [Uint8Array.of(0, 2)]), 1],
    ['an unknown status', Uint8Array.of(0x92, 0xc4, 1, 250, 0xc4, 0), 1],
    ['no opening', Uint8Array.of(0x80), 1],
    ['nothing', new Uint8Array(0), 1],
    ['a trailing byte', concat(format.encode([no], []), Uint8Array.of(0)), 1],
    ['status as text', Uint8Array.of(0x92, 0xa1, 0, 0xc4, 2, 1, 2), 1],
  ])('%s: the given code, naming the sender', (_, body, count) => {
    expect(faultOf(() => format.read(body, 7, count))).toEqual(malformed)
  })
})

describe('items', () => {
  it('present: where every signer sent points', () => {
    const lists = new Map([
      [1, ['a', null, 'c', null]],
      [2, ['d', 'e', 'f', null]],
    ])
    expect(presentItems(lists, 4)).toEqual([0, 2])
    expect(presentItems(new Map([[1, [null]]]), 1)).toEqual([])
  })

  it('bitmap: bit b of byte b >> 3, for every set another one', () => {
    expect([...bitmap([0, 7, 8, 15], 16)]).toEqual([0b1000_0001, 0b1000_0001])
    expect([...bitmap([], 9)]).toEqual([0, 0])
    const all = Array.from({ length: 256 }, (_, set) =>
      bitmap(
        [0, 1, 2, 3, 4, 5, 6, 7].filter((b) => (set >> b) & 1),
        8,
      ).join(),
    )
    expect(new Set(all).size).toBe(256)
  })

  it('refusedBy names every refuser with its reason', () => {
    const opening = (refusal: 'policy_denied' | null) => ({ points: [null], refusals: [refusal] })
    const by = refusedBy(
      new Map([
        [1, opening(null)],
        [2, opening('policy_denied')],
      ]),
      0,
    )
    expect(by).toEqual({ type: 'refused', by: new Map([[2, 'policy_denied']]) })
  })

  it('instanceOf and bodyOf', () => {
    expect([instanceOf(yes), instanceOf(no)]).toEqual([item.instance, Uint8Array.of(9)])
    expect(() => bodyOf(new Map(), 3)).toThrow('no message of 3')
  })
})

describe('refusals', () => {
  it('numbers are append-only: these are on the wire', () => {
    expect(REFUSALS).toMatchObject({
      authorization_invalid: 1,
      policy_denied: 2,
      raw_digest_forbidden: 3,
      key_not_found: 4,
      request_replayed: 5,
      request_expired: 6,
      payload_invalid: 7,
      path_unsupported: 8,
      malformed_request: 9,
      instance_mismatch: 10,
      key_frozen: 11,
      payload_too_large: 12,
    })
  })

  it('every number is one byte, not 0, and reads back', () => {
    for (const [name, number] of Object.entries(REFUSALS)) {
      expect(number).toBeGreaterThan(0)
      expect(number).toBeLessThan(256)
      expect(refusalOf(number)).toBe(name)
    }
    expect(new Set(Object.values(REFUSALS)).size).toBe(Object.keys(REFUSALS).length)
    expect(() => refusalOf(0)).toThrow(RangeError)
    expect(() => refusalOf(200)).toThrow(RangeError)
  })
})
