import { z } from 'zod'
import { makeRoster, type Roster } from '../../protocol/channel/roster.ts'
import { fromHex, toHex } from '../../protocol/engine/bytes.ts'
import { AUDIENCE } from '../../protocol/request/ids.ts'
import { FINGERPRINT, formatJson, hexBytes, NAME, parseJson, readJsonFile } from './json-file.ts'
import { isOrigin } from './setting.ts'

/** Where and under which name a signer is found. Not part of the hash: the pinned certificate decides who answers there. */
export interface SignerAddress {
  readonly index: number
  readonly name: string
  /** `https://host:port`. */
  readonly url: string
  /** 64 lower-case hex digits. */
  readonly tlsFingerprint: string
}

export interface RosterFile {
  /** `roster.version` is the roster's epoch. */
  readonly roster: Roster
  /** `set_` and the hash of the set's first roster; stable over epochs (decisions.md 1). */
  readonly audience: string
  /** By ascending index, like `roster.members`. */
  readonly signers: readonly SignerAddress[]
}

const FORMAT = 1
const AUDIENCE_PREFIX = 'set_'

export const ROSTER_SIGNER = z.strictObject({
  index: z.int().min(1).max(65534),
  name: NAME,
  url: z.string().refine(isOrigin, 'must be https://host:port without a path'),
  sign_key: hexBytes(32),
  exchange_key: hexBytes(32),
  tls_fingerprint: FINGERPRINT,
})

const ROSTER = z.strictObject({
  version: z.literal(FORMAT),
  epoch: z
    .int()
    .min(1)
    .max(2 ** 32 - 1),
  audience: z.string().regex(AUDIENCE, 'must be set_ and 64 lower-case hex digits'),
  signers: z.array(ROSTER_SIGNER).min(2).max(16),
})

export type RosterSigner = z.output<typeof ROSTER_SIGNER>

/**
 * Builds a roster from the signers' public ids, as `quorate init` printed them.
 * @param audience of the set's first roster; that roster itself has none yet and is given its own.
 * @throws RangeError if the signers do not make a roster.
 */
export function makeRosterFile(epoch: number, entries: readonly RosterSigner[], audience?: string): RosterFile {
  const sorted = [...entries].sort((a, b) => a.index - b.index)
  if (new Set(sorted.map((s) => s.name)).size !== sorted.length) throw new RangeError('a name stands twice in the roster')
  if (audience === undefined && epoch !== 1) throw new RangeError('a later roster names the audience of the first')
  const roster = makeRoster(
    epoch,
    sorted.map((s) => ({
      id: s.index,
      signKey: s.sign_key,
      exchangeKey: s.exchange_key,
      tlsFingerprint: Uint8Array.from(Buffer.from(s.tls_fingerprint, 'hex')),
    })),
    ...(epoch === 1 || audience === undefined ? [] : [fromHex(audience.slice(AUDIENCE_PREFIX.length))]),
  )
  const own = `${AUDIENCE_PREFIX}${toHex(roster.hash)}`
  if (audience !== undefined && epoch === 1 && audience !== own) throw new RangeError('the first roster is its own audience')
  return {
    roster,
    audience: audience ?? own,
    signers: sorted.map((s) => ({ index: s.index, name: s.name, url: s.url, tlsFingerprint: s.tls_fingerprint })),
  }
}

/** The file's text; parsing it gives the same roster with the same hash. */
export function formatRosterFile({ roster, audience, signers }: RosterFile): string {
  return formatJson({
    version: FORMAT,
    epoch: roster.version,
    audience,
    signers: roster.members.map((member, i) => ({
      index: member.id,
      name: signers[i]?.name,
      url: signers[i]?.url,
      sign_key: toHex(member.signKey),
      exchange_key: toHex(member.exchangeKey),
      tls_fingerprint: toHex(member.tlsFingerprint),
    })),
  })
}

/**
 * Reads a roster and holds it against the pinned hash: nothing is trusted on first use.
 * @throws Error
 */
export function readRosterFile(path: string, pinnedHash: string): RosterFile {
  const file = toRoster(readJsonFile(path, ROSTER), path)
  const found = toHex(file.roster.hash)
  if (found !== pinnedHash) {
    throw new Error(`${path} has the hash ${found}, pinned is ${pinnedHash}: this is not the roster that the operator approved`)
  }
  return file
}

/** @throws Error */
export const parseRosterFile = (bytes: Uint8Array, name = 'roster'): RosterFile => toRoster(parseJson(bytes, ROSTER, name), name)

function toRoster(json: z.output<typeof ROSTER>, name: string): RosterFile {
  try {
    return makeRosterFile(json.epoch, json.signers, json.audience)
  } catch (error) {
    throw new Error(`${name}: ${error instanceof Error ? error.message : 'not a roster'}`)
  }
}
