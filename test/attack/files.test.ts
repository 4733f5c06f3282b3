import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ensureDevKeys } from '../../src/host/cli/dev-keys.ts'
import { readCredentials } from '../../src/host/config/access-files.ts'
import { formatJson } from '../../src/host/config/json-file.ts'
import { formatRosterFile, makeRosterFile, type RosterSigner, readRosterFile } from '../../src/host/config/roster-file.ts'
import { toHex } from '../../src/protocol/engine/bytes.ts'
import { temporaryDirectory } from '../host/temporary.ts'
import { fresh } from './malicious-coordinator.ts'

// Somebody who can change a file, but not what the operator pinned.
describe('files of a host', () => {
  const signer = (index: number): RosterSigner => ({
    index,
    name: `signer-${index}`,
    url: `https://127.0.0.1:${8000 + index}`,
    sign_key: fresh(32),
    exchange_key: fresh(32),
    tls_fingerprint: toHex(fresh(32)),
  })

  it('a later roster for another audience is not the pinned one: requests of one set never count in another', () => {
    const signers = [signer(1), signer(2), signer(3)]
    const [first, other] = [makeRosterFile(1, signers), makeRosterFile(1, [signer(1), signer(2), signer(3)])]
    const second = makeRosterFile(2, signers, first.audience)
    const path = join(temporaryDirectory(), 'roster.json')
    const pin = toHex(second.roster.hash)
    writeFileSync(path, formatRosterFile(second))
    expect(readRosterFile(path, pin).audience).toBe(first.audience)
    writeFileSync(path, formatRosterFile(second).replace(first.audience, other.audience))
    expect(() => readRosterFile(path, pin)).toThrow('not the roster that the operator approved')
  })

  it('who may ask is not read from a file that everybody can write', () => {
    const path = join(temporaryDirectory(), 'credentials.json')
    const credential = { id: 'cred_a', tenant: 'a', alg: 'ed25519', public_key: toHex(fresh(32)), digest: false }
    writeFileSync(path, formatJson({ credentials: [credential] }))
    chmodSync(path, 0o664)
    expect(readCredentials(path)).toHaveLength(1)
    chmodSync(path, 0o666)
    expect(() => readCredentials(path)).toThrow('everybody can write it')
  })

  it('a development set is made in no directory that somebody else prepared', async () => {
    const dir = join(temporaryDirectory(), 'set')
    const prepared = `${dir}.new-${process.pid}`
    mkdirSync(prepared, { mode: 0o777 })
    chmodSync(prepared, 0o777)
    writeFileSync(join(prepared, 'planted'), 'x')
    await ensureDevKeys(dir, 2, 2)
    expect(existsSync(join(dir, 'planted'))).toBe(false)
    expect(statSync(dir).mode & 0o777).toBe(0o700)
    expect(readFileSync(join(prepared, 'planted'), 'utf8')).toBe('x')
  })
})
