import { parentPort, workerData } from 'node:worker_threads'
import { Packr } from 'msgpackr'
import { type Dealing, dealer } from './dealt-key.ts'

/** Answers each number with so many keys, packed: millions of small arrays would each be cloned on the way. */
const deal = dealer(workerData as Dealing)
const packr = new Packr()

parentPort?.on('message', (count: number) => {
  const bytes = Uint8Array.from(packr.pack(Array.from({ length: count }, deal)))
  parentPort?.postMessage(bytes, [bytes.buffer])
})
