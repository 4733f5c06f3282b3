import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { ensureDevKeys } from '../src/host/cli/dev-keys.ts'
import { assertFree, freePorts } from '../src/host/cli/dev-ports.ts'
import { writeDevSet } from '../src/host/cli/dev-set.ts'
import { formatKeyId } from '../src/protocol/request/ids.ts'
import { type DealtInto, deal, markForDealing, type Wanted } from './dealer.ts'
import { type RunningSet, startSet } from './running-set.ts'
import type { Key } from './signing-requests.ts'

/** Keys that are remembered to be used: more than any host caches. */
const SAMPLE = 100_000

/** A set that does not run, whose stores can be filled and which can then be started, as often as one likes. */
export interface DealtSet {
  /** @returns an even sample of the new keys. */
  readonly deal: (wanted: Wanted) => Promise<readonly Key[]>
  readonly start: () => Promise<RunningSet>
  /** Bytes of the largest signer's store, of a set that has been stopped. */
  readonly storeBytes: () => number
  readonly remove: () => void
}

/** Makes the keys of a set's hosts in a temporary directory, and no other key yet. */
export async function dealtSet(threshold: number, parties: number): Promise<DealtSet> {
  const dataDir = mkdtempSync(join(tmpdir(), 'quorate-dealt-'))
  const remove = (): void => {
    process.off('exit', remove)
    rmSync(dataDir, { recursive: true, force: true })
  }
  // Gigabytes that nobody would look for.
  process.once('exit', remove)
  try {
    const into = await prepare(dataDir, threshold, parties)
    return {
      deal: async (wanted) => {
        const keys: Key[] = []
        const each = Math.ceil(wanted.count / SAMPLE)
        let seen = 0
        await deal(into, wanted, (keyId, point) => {
          if (seen++ % each === 0) keys.push(keyOf(wanted, keyId, point))
        })
        return keys
      },
      start: async () => {
        const args = ['--set', `${threshold}-of-${parties}`, '--data', dataDir]
        return await startSet({ args, env: await portSettings(parties) })
      },
      storeBytes: () => Math.max(...into.signers.map((name) => statSync(join(dataDir, name, 'signer.sqlite')).size)),
      remove,
    }
  } catch (error) {
    remove()
    throw error
  }
}

async function prepare(dataDir: string, threshold: number, parties: number): Promise<DealtInto> {
  const rosterHash = await ensureDevKeys(dataDir, threshold, parties)
  // Only the roster and the credentials are used of it: `quorate dev` writes all again at its start, with its ports.
  const ports = { gateway: 1, coordinator: 1, signers: Array.from({ length: parties }, () => 1) }
  const set = await writeDevSet({ dataDir, threshold, parties, rosterHash, ports, logLevel: 'info', curve: 'native' })
  const into = { dataDir, threshold, rosterHash, rosterFile: set.rosterFile, signers: set.signers.map(({ name }) => name) }
  markForDealing(into)
  return into
}

/** Copies: the arrays belong to a chunk of thousands of keys. */
const keyOf = ({ scheme }: Wanted, keyId: Uint8Array, point: Uint8Array): Key => ({
  id: formatKeyId(keyId),
  scheme,
  publicKey: Buffer.from(scheme === 'schnorr-secp256k1' ? point.subarray(1) : point),
})

/** Free ports; those of the signers follow on each other. */
async function portSettings(parties: number): Promise<Readonly<Record<string, string>>> {
  for (;;) {
    const [gateway, coordinator, first] = (await freePorts(3)) as [number, number, number]
    const signers = Array.from({ length: parties }, (_, i) => first + i)
    if (signers.includes(gateway) || signers.includes(coordinator)) continue
    try {
      await assertFree(signers.map((port) => ({ port, owner: 'a signer', setting: 'QUORATE_SIGNER_PORT' })))
      return {
        QUORATE_GATEWAY_PORT: String(gateway),
        QUORATE_COORDINATOR_PORT: String(coordinator),
        QUORATE_SIGNER_PORT: String(first),
      }
    } catch {
      // Somebody has one of them: others.
    }
  }
}
