import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Claimed } from './verify-signature.ts'

interface Verdict {
  readonly checked: number
  readonly complaints: readonly string[]
}

/** Verifies every signature on all cores: after the measured window, when nobody else needs them. @throws Error on a bad one */
export async function verifyAll(claims: readonly Claimed[]): Promise<number> {
  const size = Math.ceil(claims.length / availableParallelism())
  const slices = Array.from({ length: availableParallelism() }, (_, i) => claims.slice(i * size, (i + 1) * size))
  const verdicts = await Promise.all(slices.filter((slice) => slice.length > 0).map(inWorker))
  const complaints = verdicts.flatMap((verdict) => verdict.complaints)
  if (complaints.length > 0) throw new Error(`${complaints.length} of ${claims.length} signatures are bad: ${complaints[0]}`)
  return verdicts.reduce((sum, verdict) => sum + verdict.checked, 0)
}

async function inWorker(claims: readonly Claimed[]): Promise<Verdict> {
  const worker = new Worker(new URL('./verify-worker.ts', import.meta.url))
  try {
    return await new Promise<Verdict>((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
      worker.postMessage(claims)
    })
  } finally {
    await worker.terminate()
  }
}
