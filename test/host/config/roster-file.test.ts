import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  formatRosterFile,
  makeRosterFile,
  parseRosterFile,
  type RosterSigner,
  readRosterFile,
} from '../../../src/host/config/roster-file.ts'
import { makeRoster } from '../../../src/protocol/channel/roster.ts'
import { toHex } from '../../../src/protocol/engine/bytes.ts'
import { temporaryDirectory } from '../temporary.ts'

const bytes = (value: number): Uint8Array => new Uint8Array(32).fill(value)
const signer = (index: number): RosterSigner => ({
  index,
  name: `signer-${index}`,
  url: `https://127.0.0.1:${8080 + index}`,
  sign_key: bytes(index),
  exchange_key: bytes(index + 100),
  tls_fingerprint: toHex(bytes(index + 200)),
})
const roster = makeRosterFile(1, [signer(3), signer(1), signer(2)])
const parse = (text: string) => parseRosterFile(Buffer.from(text))

/** The file with one thing changed. */
function changed(change: (json: { [name: string]: unknown; signers: { [name: string]: unknown }[] }) => void): string {
  const json = JSON.parse(formatRosterFile(roster))
  change(json)
  return JSON.stringify(json)
}

describe('roster file', () => {
  it('is the roster of src/protocol, with addresses', () => {
    const plain = makeRoster(
      1,
      [1, 2, 3].map((i) => ({ id: i, signKey: bytes(i), exchangeKey: bytes(i + 100), tlsFingerprint: bytes(i + 200) })),
    )
    expect(roster.roster.hash).toEqual(plain.hash)
    expect(roster.audience).toBe(`set_${toHex(plain.hash)}`)
    expect(roster.signers.map((s) => [s.index, s.name, s.url])).toEqual([
      [1, 'signer-1', 'https://127.0.0.1:8081'],
      [2, 'signer-2', 'https://127.0.0.1:8082'],
      [3, 'signer-3', 'https://127.0.0.1:8083'],
    ])
  })

  it('is read back as it was', () => expect(parse(formatRosterFile(roster))).toEqual(roster))

  it('is read only under its pinned hash', () => {
    const path = join(temporaryDirectory(), 'roster.json')
    writeFileSync(path, formatRosterFile(roster))
    const hash = toHex(roster.roster.hash)
    expect(readRosterFile(path, hash)).toEqual(roster)
    expect(() =>
      readRosterFile(
        path,
        hash.replace(/^./, (digit) => (digit === '0' ? '1' : '0')),
      ),
    ).toThrow(/not the roster that the operator approved/)
  })

  it.each(['sign_key', 'exchange_key', 'tls_fingerprint', 'index'])('another %s is another hash', (field) => {
    const text = changed((json) => {
      const [first] = json.signers
      if (first !== undefined) first[field] = field === 'index' ? 9 : 'ee'.repeat(32)
      delete json['audience']
      json['audience'] = roster.audience
    })
    const path = join(temporaryDirectory(), 'roster.json')
    writeFileSync(path, text)
    expect(() => readRosterFile(path, toHex(roster.roster.hash))).toThrow()
  })

  it('another address is the same hash', () => {
    const moved = parse(changed((json) => Object.assign(json.signers[0] ?? {}, { url: 'https://example.org:1', name: 'other' })))
    expect(moved.roster.hash).toEqual(roster.roster.hash)
    expect(moved.signers[0]).toMatchObject({ url: 'https://example.org:1', name: 'other' })
  })

  it.each([
    ['an unknown member', changed((json) => Object.assign(json, { extra: 1 })), /extra/],
    ['a member that stands twice', formatRosterFile(roster).replace('{', '{"epoch":1,'), /twice/],
    ['a missing key', changed((json) => delete json.signers[0]?.['sign_key']), /sign_key/],
    ['a key of another length', changed((json) => Object.assign(json.signers[0] ?? {}, { sign_key: 'ab' })), /64 lower-case hex/],
    ['upper-case hex', changed((json) => Object.assign(json.signers[0] ?? {}, { sign_key: 'AB'.repeat(32) })), /lower-case/],
    ['plain http', changed((json) => Object.assign(json.signers[0] ?? {}, { url: 'http://127.0.0.1:1' })), /https/],
    ['index 0', changed((json) => Object.assign(json.signers[0] ?? {}, { index: 0 })), /index/],
    ['an index twice', changed((json) => Object.assign(json.signers[0] ?? {}, { index: 2 })), /ascending/],
    ['a name twice', changed((json) => Object.assign(json.signers[0] ?? {}, { name: 'signer-2' })), /name stands twice/],
    ['a key twice', changed((json) => Object.assign(json.signers[0] ?? {}, { sign_key: toHex(bytes(2)) })), /key stands twice/],
    ['one signer', changed((json) => json.signers.splice(1)), /signers/],
    ['another format version', changed((json) => Object.assign(json, { version: 2 })), /version/],
    ['no JSON', 'roster', /JSON/],
  ])('refuses %s', (_, text, why) => expect(() => parse(text)).toThrow(why))

  it('keeps the audience of the first roster over epochs', () => {
    const next = makeRosterFile(2, [signer(1), signer(2), signer(4)], roster.audience)
    expect(next.audience).toBe(roster.audience)
    expect(parse(formatRosterFile(next))).toEqual(next)
    expect(() => makeRosterFile(2, [signer(1), signer(2)])).toThrow(/names the audience of the first/)
    expect(() => makeRosterFile(1, [signer(1), signer(2)], roster.audience)).toThrow(/its own audience/)
  })
})
