import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { ensureDevKeys } from '../../../src/host/cli/dev-keys.ts'
import { type DevSet, lockDevSet, readToken, writeDevSet } from '../../../src/host/cli/dev-set.ts'
import { temporaryDirectory } from '../temporary.ts'

async function open(dataDir: string, first = 9000): Promise<DevSet> {
  const rosterHash = await ensureDevKeys(dataDir, 2, 3)
  const ports = { gateway: first, coordinator: first + 1, signers: [first + 2, first + 3, first + 4] }
  return writeDevSet({ dataDir, threshold: 2, parties: 3, rosterHash, ports, logLevel: 'info', curve: 'native' })
}

describe('a development set', () => {
  it('is made once and keeps its keys, on whatever ports it starts', async () => {
    const dataDir = join(temporaryDirectory(), 'set')
    const one = await open(dataDir)
    const keys = readFileSync(join(dataDir, 'signer-2', 'identity.key'))
    const two = await open(dataDir, 9500)
    expect(two.rosterHash).toBe(one.rosterHash)
    expect(two.audience).toBe(`set_${one.rosterHash}`)
    expect(readFileSync(join(dataDir, 'signer-2', 'identity.key'))).toEqual(keys)
    expect(readToken(two)).toBe(readToken(one))
    expect([one.gateway.url, two.gateway.url]).toEqual(['https://127.0.0.1:9000', 'https://127.0.0.1:9500'])
    expect(readFileSync(join(dataDir, 'roster.json'), 'utf8')).toContain('https://127.0.0.1:9503')
    expect(readFileSync(two.coordinator.envFile, 'utf8')).toContain('QUORATE_PORT=9501')
  })

  it('refuses another threshold or size, and changes nothing', async () => {
    const dataDir = join(temporaryDirectory(), 'set')
    await ensureDevKeys(dataDir, 2, 3)
    const before = readFileSync(join(dataDir, 'set.json'), 'utf8')
    await expect(ensureDevKeys(dataDir, 3, 3)).rejects.toThrow(/holds a set of 2-of-3, asked for is 3-of-3/)
    await expect(ensureDevKeys(dataDir, 2, 5)).rejects.toThrow(/holds a set of 2-of-3, asked for is 2-of-5/)
    expect(readFileSync(join(dataDir, 'set.json'), 'utf8')).toBe(before)
  })

  it('refuses a directory with something else in it', async () => {
    const dataDir = temporaryDirectory()
    writeFileSync(join(dataDir, 'notes.txt'), 'mine')
    await expect(ensureDevKeys(dataDir, 2, 3)).rejects.toThrow(/holds something else/)
    expect(readdirSync(dataDir)).toEqual(['notes.txt'])
  })

  it('leaves nothing when making it fails', async () => {
    const dataDir = join(temporaryDirectory(), 'set')
    // 17 signers are more than a roster takes: the failure comes after most keys are made.
    await expect(ensureDevKeys(dataDir, 2, 17)).rejects.toThrow()
    expect(existsSync(dataDir)).toBe(false)
    expect(readdirSync(join(dataDir, '..'))).toEqual([])
  })

  it('is run by one process at a time', async () => {
    const dataDir = join(temporaryDirectory(), 'set')
    await ensureDevKeys(dataDir, 2, 3)
    const { unlock } = lockDevSet(dataDir)
    expect(() => lockDevSet(dataDir)).toThrow(/another quorate dev runs the set/)
    unlock()
    lockDevSet(dataDir).unlock()
  })

  it('issues a token that its own key set verifies, for all scopes', async () => {
    const set = await open(join(temporaryDirectory(), 'set'))
    const jwks = createLocalJWKSet(JSON.parse(readFileSync(join(set.dataDir, 'jwks.json'), 'utf8')))
    const { payload } = await jwtVerify(readToken(set), jwks, { audience: 'quorate-dev', algorithms: ['EdDSA'] })
    expect(payload).toMatchObject({ sub: 'developer', tenant: 'dev', scope: 'keys:read keys:write keys:manage sign digest' })
    expect((payload.exp ?? 0) - Date.now() / 1000).toBeGreaterThan(300 * 86_400)
    expect(statSync(set.tokenFile).mode & 0o777).toBe(0o600)
  })
})
