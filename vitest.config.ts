import { availableParallelism } from 'node:os'
import process from 'node:process'
import { defineConfig } from 'vitest/config'

const long = process.env['QUORATE_LONG'] === '1'

export default defineConfig({
  test: {
    environment: 'node',
    include: [long ? 'test/long/**/*.test.ts' : 'test/**/*.test.ts'],
    exclude: long ? [] : ['test/long/**'],
    // Processes, not threads: the tests start worker pools, load native curve code and send signals, all of which belong to
    // a process's main thread, and a crash of native code must fail one file instead of the whole run.
    pool: 'forks',
    // vitest leaves one core idle by default, which on a 2-core runner means half the machine.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: long ? 30 * 60_000 : 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
  },
})
