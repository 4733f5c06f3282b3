import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { within } from '../stop-request.ts'
import type { DevHost } from './dev-set.ts'

/** Longer than a host gives itself to close. */
const STOP_MS = 7_000
/** As src/actors/worker-pool.ts gives its workers, for the main thread; V8 names a third of it, in MiB. */
const SMALL_YOUNG_GENERATION = '--max-semi-space-size=4'
const LAUNCHER = fileURLToPath(new URL('../../../bin/quorate.js', import.meta.url))

/** One host of the set as a child process. */
export interface HostProcess {
  readonly host: DevHost
  readonly pid: number
  /** Starts this host again by hand, with the same keys, database and port. */
  readonly command: readonly string[]
  /** Resolves with how it ended, in words. */
  readonly ended: Promise<string>
  /** SIGTERM, and SIGKILL if that does not help. Resolves when the process is gone. */
  stop(): Promise<void>
}

/** Never rejects: a host that cannot be started has ended. */
export function startHostProcess(host: DevHost): HostProcess {
  const args = [SMALL_YOUNG_GENERATION, LAUNCHER, 'host', '--role', host.role, '--env-file', host.envFile]
  const log = openSync(host.logFile, 'w', 0o600)
  let child: ChildProcess
  try {
    // The channel ties its life to ours, see stop-request.ts.
    child = spawn(process.execPath, args, { stdio: ['ignore', log, log, 'ipc'], env: withoutSettings(process.env) })
  } finally {
    closeSync(log)
  }
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : signal))
  })
  return {
    host,
    pid: child.pid ?? 0,
    command: [process.execPath, ...args],
    ended,
    stop: async () => {
      child.kill('SIGTERM')
      if (await within(STOP_MS, ended)) return
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Settings of the user's shell are for `dev`; a host would take them over its env file, all hosts the same. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('QUORATE_')))
}

/** The end of a host's log, for a message about why it did not start. */
export function logTail(host: DevHost, lines = 8): string {
  return readFileSync(host.logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
}
