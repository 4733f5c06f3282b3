import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { deal, markForDealing } from '../../bench/dealer.ts'
import { dealtSet } from '../../bench/dealt-set.ts'
import { closedLoop } from '../../bench/load.ts'
import { judge } from '../../bench/signing-load.ts'
import { SCHEMES, signingShot } from '../../bench/signing-requests.ts'
import { complaint } from '../../bench/verify-signature.ts'
import { ensureDevKeys } from '../../src/host/cli/dev-keys.ts'
import { writeDevSet } from '../../src/host/cli/dev-set.ts'
import { openSignerStore } from '../../src/host/store/signer-store.ts'
import { temporaryDirectory } from '../host/temporary.ts'

const WANTED = { scheme: 'ecdsa-secp256k1', form: 'coordinator', count: 1 } as const

/** A set that has everything but the benchmark's mark, as an operator's has. */
async function operatorsSet() {
  const dataDir = join(temporaryDirectory(), 'set')
  const rosterHash = await ensureDevKeys(dataDir, 2, 2)
  const ports = { gateway: 1, coordinator: 1, signers: [1, 1] }
  const { rosterFile } = await writeDevSet({
    ...{ dataDir, threshold: 2, parties: 2, rosterHash, ports },
    ...{ logLevel: 'info', curve: 'native' },
  })
  return { dataDir, threshold: 2, rosterHash, rosterFile, signers: ['signer-1', 'signer-2'] }
}

describe('the dealer', () => {
  it('refuses a set that the benchmark did not make, and changes nothing in it', async () => {
    const set = await operatorsSet()
    await expect(deal(set, WANTED, () => undefined)).rejects.toThrow('not made by the benchmark')
    expect(() => rmSync(join(set.dataDir, 'signer-1', 'signer.sqlite'))).toThrow('ENOENT')
  })

  it('marks no set that has a store, nor takes the mark of another', async () => {
    const set = await operatorsSet()
    markForDealing(set)
    await expect(deal({ ...set, rosterHash: '00'.repeat(32) }, WANTED, () => undefined)).rejects.toThrow(
      'not made by the benchmark',
    )
    openSignerStore(join(set.dataDir, 'signer-2', 'signer.sqlite')).database.close()
    expect(() => markForDealing(set)).toThrow('signer-2/signer.sqlite already')
  })
})

it('deals keys that sign over HTTPS like any others, through either form, and none while the set runs', async () => {
  const set = await dealtSet(2, 3)
  onTestFinished(set.remove)
  const keys = []
  for (const form of ['coordinator', 'gateway'] as const) {
    for (const scheme of SCHEMES) keys.push({ form, keys: await set.deal({ scheme, form, count: 3 }) })
  }
  expect(keys.map(({ keys: dealt }) => dealt.length)).toEqual(keys.map(() => 3))
  const running = await set.start()
  onTestFinished(running.stop)
  await expect(set.deal(WANTED)).rejects.toMatchObject({ code: 'LOCKED' })
  for (const { form, keys: dealt } of keys) {
    const target = { pool: running.connect(form, 1), headers: running.headers[form] }
    onTestFinished(() => target.pool.destroy())
    // Longer than a set needs that was started this moment on a busy machine.
    const shots = dealt
      .map((key) => signingShot(running, form, key))
      .map((shot) => ({ ...shot, path: `${shot.path}?wait_ms=15000` }))
    const { signed, claims, errors } = judge((await closedLoop(target, shots[Symbol.iterator](), 1, 60)).answers)
    expect([...errors]).toEqual([])
    expect(signed).toHaveLength(dealt.length)
    expect(claims.map(complaint)).toEqual(dealt.map(() => undefined))
  }
}, 180_000)
