import { parentPort } from 'node:worker_threads'
import { type Claimed, complaint } from './verify-signature.ts'

parentPort?.on('message', (claims: readonly Claimed[]) => {
  const complaints = claims.flatMap((claimed) => complaint(claimed) ?? [])
  parentPort?.postMessage({ checked: claims.length, complaints })
})
