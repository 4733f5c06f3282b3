import { writeFileSync } from 'node:fs'
import { resourceLimits } from 'node:worker_threads'
import { serveActor } from '../../src/actors/worker-entry.ts'
import { type ObedientData, ORDER } from './worker-orders.ts'

const sleep = (ms: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

export default serveActor(async (data) => {
  const { name, secret, closedFile, refuse, never } = data as ObedientData
  if (refuse === true) throw new Error('no curve back end')
  if (never === true) await new Promise(() => undefined)
  return {
    call(bytes) {
      const rest = bytes.subarray(1)
      switch (bytes[0]) {
        case ORDER.reverse:
          return rest.toReversed()
        case ORDER.fail:
          throw new Error('a bug')
        case ORDER.exit:
          return process.exit(1)
        case ORDER.crash:
          setTimeout(() => {
            throw new Error('uncaught')
            // Not before the answer is out, on a busy machine either.
          }, 200)
          return rest
        case ORDER.sleep:
          sleep(rest[0] ?? 0)
          return rest
        case ORDER.pooled:
          // Node cuts small buffers out of one shared block, here next to something that must not travel.
          Buffer.from('another secret')
          return Buffer.from('public')
        case ORDER.started:
          return Buffer.from(`${name} ${secret.length} ${secret[0]}`)
        case ORDER.hang:
          for (;;) sleep(1000)
        case ORDER.grow:
          return new Uint8Array(100_000).fill(rest[0] ?? 0)
        case ORDER.limits:
          return Buffer.from(String(resourceLimits.maxYoungGenerationSizeMb))
        default:
          return undefined as unknown as Uint8Array
      }
    },
    close() {
      if (closedFile !== undefined) writeFileSync(closedFile, name, { flag: 'a' })
    },
  }
})
