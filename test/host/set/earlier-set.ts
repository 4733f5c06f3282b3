import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { fromHex } from '../../../src/protocol/engine/bytes.ts'
import { parseKeyId } from '../../../src/protocol/request/ids.ts'
import type { SetSecrets } from './in-process-set.ts'
import { SCHEMES, type Scheme, type TestKey } from './signing-keys.ts'

interface SetFile {
  readonly hosts: readonly Readonly<Record<'signSeed' | 'exchangeSecret' | 'tlsFingerprint' | 'dataKey', string>>[]
  readonly seeds: Readonly<Record<string, string>>
  /** Of each scheme that the version knew. */
  readonly keys: Readonly<Record<string, { readonly id: string; readonly public_key: string; readonly signature: string }>>
  /** A key with the label `kept`. */
  readonly labelled: string
  /** A frozen key of revision 1, if there was such a thing. */
  readonly frozen?: string
}

/** A set that an earlier version left behind (test/fixture), unpacked into a directory of its own. */
export function earlierSet(folder: string) {
  const from = new URL(`../../fixture/${folder}/`, import.meta.url)
  const dir = mkdtempSync(join(tmpdir(), 'quorate-earlier-'))
  for (const name of readdirSync(from)) {
    if (name.endsWith('.gz')) writeFileSync(join(dir, name.slice(0, -3)), gunzipSync(readFileSync(new URL(name, from))))
  }
  const file = JSON.parse(readFileSync(new URL('set.json', from), 'utf8')) as SetFile
  const secrets: SetSecrets = {
    hosts: file.hosts.map((host) => ({
      signSeed: fromHex(host.signSeed),
      exchangeSecret: fromHex(host.exchangeSecret),
      tlsFingerprint: fromHex(host.tlsFingerprint),
      dataKey: fromHex(host.dataKey),
    })),
    seeds: new Map(Object.entries(file.seeds).map(([id, seed]) => [id, fromHex(seed)])),
  }
  const schemes = SCHEMES.filter((scheme) => scheme in file.keys)
  const keyOf = (scheme: Scheme): TestKey => {
    const { id, public_key } = file.keys[scheme] as SetFile['keys'][string]
    return { scheme, id, keyId: parseKeyId(id) as Uint8Array, publicKey: fromHex(public_key) }
  }
  const keys = Object.fromEntries(schemes.map((scheme) => [scheme, keyOf(scheme)])) as Record<Scheme, TestKey>
  return { dir, secrets, schemes, keys, signed: file.keys, labelled: file.labelled, frozen: file.frozen }
}
