import { setTimeout as sleep } from 'node:timers/promises'
import type { RunningSet, SetState } from './running-set.ts'

/** The signer that goes away in every part that has one go away. */
export const SIGNER = 3
/** DKLs23 does so much less a second that more callers than that would wait for seconds, and be told to come back. */
export const OUTAGE_CALLERS = 64
const SCHEME = 'ecdsa-secp256k1'
const PATIENCE_MS = 60_000

/** Kills a signer; resolves when the others sign ECDSA without it. */
export async function withoutSigner(set: RunningSet): Promise<void> {
  await ready(set, 'hm')
  set.signal(SIGNER, 'SIGKILL')
  await ready(set, 'dkls23')
}

/** Until everything is as it is without any outage, whatever was done to the set before. */
export async function recovered(set: RunningSet): Promise<void> {
  const { parties, threshold } = set.line
  await until(set, parties < 2 * threshold - 1 ? 'dkls23' : 'hm', true)
}

/** Until ECDSA is signed by this engine; hm: with all signers there and every pair set up. */
export const ready = (set: RunningSet, engine: 'hm' | 'dkls23'): Promise<void> => until(set, engine, engine === 'hm')

async function until(set: RunningSet, engine: string, all: boolean): Promise<void> {
  const isReady = ({ engines, signers, pairs }: SetState): boolean =>
    engines[SCHEME] === engine && (!all || (pairs.ready === pairs.total && signers.every(({ state }) => state === 'up')))
  const end = performance.now() + PATIENCE_MS
  while (!isReady(await set.state())) {
    if (performance.now() > end) throw new Error(`ECDSA is not signed by ${engine}: ${JSON.stringify(await set.state())}`)
    await sleep(100)
  }
}
