import { writeFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { readClients, readCredentials, readPrincipals } from '../../../src/host/config/access-files.ts'
import { ConfigError } from '../../../src/host/config/config-error.ts'
import { readCredentialFile } from '../../../src/host/config/credential-file.ts'
import { readIdentityFile } from '../../../src/host/config/identity-file.ts'
import { readSettings } from '../../../src/host/config/load-config.ts'
import { formatRosterFile, makeRosterFile, parseRosterFile } from '../../../src/host/config/roster-file.ts'
import { COORDINATOR, GATEWAY, SIGNER } from '../../../src/host/config/settings.ts'
import { concat, equalBytes, toHex, u16 } from '../../../src/protocol/engine/bytes.ts'
import { bytes32 } from '../../protocol/signing/dealt-key.ts'
import { pack, partOf, unpack } from '../container.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { CREDENTIAL, TRIO } from '../signer-trio.ts'
import { type FuzzTarget, promise } from '../target.ts'

const TABLES = { signer: SIGNER, coordinator: COORDINATOR, gateway: GATEWAY } as const

const SETTINGS_TEXT = `QUORATE_ROSTER=roster.json
QUORATE_ROSTER_HASH=${'ab'.repeat(32)}
QUORATE_INDEX=1
QUORATE_PORT=8081
QUORATE_THRESHOLD=2
QUORATE_LISTEN=127.0.0.1
QUORATE_ALLOW_FROM=127.0.0.1,10.0.0.0/8
QUORATE_COORDINATOR=https://127.0.0.1:9080
QUORATE_LOG_LEVEL=info
`

/** Files that an operator brings from elsewhere: whatever stands in them, the host says in words what is wrong. Mode: which file. */
export function open(): FuzzTarget {
  const folder = scratchFolder()
  const path = folder.at('file')
  const write = (bytes: Uint8Array): string => {
    writeFileSync(path, bytes, { mode: 0o600 })
    return path
  }
  const readers: Readonly<Record<string, (bytes: Uint8Array) => string>> = {
    roster: (bytes) => {
      const file = parseRosterFile(bytes, path)
      const again = parseRosterFile(Buffer.from(formatRosterFile(file)), path)
      promise(
        equalBytes(again.roster.hash, file.roster.hash) && again.audience === file.audience,
        'a roster changes when it is written',
      )
      return 'read'
    },
    credentials: (bytes) => `${Math.min(2, readCredentials(write(bytes)).length)} entries`,
    clients: (bytes) => `${Math.min(2, readClients(write(bytes)).length)} entries`,
    principals: (bytes) => `${Math.min(2, readPrincipals(write(bytes)).length)} entries`,
    identity: (bytes) => {
      const { signSeed, exchangeSecret } = readIdentityFile(write(bytes))
      promise(signSeed.length === 32 && exchangeSecret.length === 32, 'secrets of another length')
      return 'read'
    },
    credential: (bytes) => {
      promise(readCredentialFile(write(bytes)).seed.length === 32, 'a seed of another length')
      return 'read'
    },
    settings: (bytes) => {
      const sources = new Map(
        Object.entries(parseEnv(Buffer.from(bytes).toString())).map(([name, text]) => [name, { text: text ?? '', from: path }]),
      )
      return Object.entries(TABLES)
        .map(([role, table]) => {
          try {
            readSettings(table, sources)
            return role
          } catch (error) {
            if (error instanceof ConfigError) return ''
            throw error
          }
        })
        .join('')
    },
  }
  const names = Object.keys(readers)
  return {
    maxLength: 8192,
    dictionary: [CREDENTIAL.id, 'https://h:1', '__proto__', ...Object.keys({ ...SIGNER, ...COORDINATOR, ...GATEWAY })],
    seeds: () => {
      const members = TRIO.roster.members.map((m) => ({
        index: m.id,
        name: `signer-${m.id}`,
        url: `https://127.0.0.1:${8080 + m.id}`,
        sign_key: m.signKey,
        exchange_key: m.exchangeKey,
        tls_fingerprint: toHex(m.tlsFingerprint),
      }))
      const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))
      const files: Readonly<Record<string, Uint8Array>> = {
        roster: Buffer.from(formatRosterFile(makeRosterFile(1, members))),
        credentials: json({
          credentials: [
            { id: CREDENTIAL.id, tenant: 'acme', alg: 'ed25519', public_key: toHex(CREDENTIAL.publicKey), digest: true },
            { id: 'cred_hardware', tenant: 'acme', alg: 'p256', public_key: `02${'11'.repeat(32)}`, digest: false },
          ],
        }),
        clients: json({ clients: [{ name: 'gateway', fingerprint: 'ab'.repeat(32), credentials: [CREDENTIAL.id] }] }),
        principals: json({ principals: [{ name: 'wallet', fingerprint: 'cd'.repeat(32), scopes: ['sign', 'keys:read'] }] }),
        identity: concat(Buffer.from('QRTEID1\n'), u16(1), bytes32('sign'), bytes32('exchange')),
        credential: json({ id: CREDENTIAL.id, alg: 'ed25519', seed: Buffer.from(bytes32('seed')).toString('base64url') }),
        settings: Buffer.from(SETTINGS_TEXT),
      }
      return new Map(names.map((name, i) => [name, pack(i, files[name] as Uint8Array)]))
    },
    reaches: [
      'roster read',
      'credentials 2 entries',
      'clients 1 entries',
      'principals 1 entries',
      'identity read',
      'credential read',
    ],
    close: () => folder.remove(),
    run: (input) => {
      const container = unpack(input)
      const name = names[container.mode % names.length] as string
      try {
        return `${name} ${readers[name]?.(partOf(container, 0))}`
      } catch (error) {
        // Plain errors whose words name the file; anything else (TypeError, SyntaxError, a library's own) is no sentence for an operator.
        const said = error instanceof Error && error.constructor === Error && error.message.startsWith(path)
        if (said) return `${name} refused`
        throw error
      }
    },
  }
}
