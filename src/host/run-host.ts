import type { Logger } from 'pino'
import { stopRequest, within } from './stop-request.ts'

/** What a role's start gives back once it listens. */
export interface RunningHost {
  /** `https://host:port` with the real port. */
  readonly url: string
  close(): Promise<void>
}

/** Messages to whoever started this process with an IPC channel, such as `quorate dev`. */
export interface ListeningMessage {
  readonly type: 'listening'
  readonly url: string
}

const CLOSE_MS = 5_000

/**
 * Runs a host until it is asked to stop. A signal leads to an orderly end within 5 seconds and exit code 0; after a bug the
 * process ends at once: its state is unknown, its store survives that, and its supervisor starts it again.
 * @returns the exit code.
 */
export async function runHost(start: () => Promise<RunningHost>, log: Logger): Promise<number> {
  const fatal = (err: unknown, origin: string): void => {
    log.fatal({ err, origin }, 'unexpected error, the host ends')
    process.exit(1)
  }
  process.on('uncaughtException', fatal)
  process.on('unhandledRejection', (reason) => fatal(reason, 'unhandledRejection'))

  const stopped = stopRequest()
  const started = start()
  // A start that hangs (a KMS that does not answer) must be stoppable too.
  const host = await Promise.race([started, stopped.then(() => undefined)])
  if (host === undefined) {
    log.info('asked to stop while starting')
    return 0
  }
  const message: ListeningMessage = { type: 'listening', url: host.url }
  process.send?.(message)

  const reason = await stopped
  log.info({ reason }, 'stopping')
  try {
    if (await within(CLOSE_MS, host.close())) log.info('stopped')
    else log.warn(`not closed after ${CLOSE_MS / 1000} s, ending anyway`)
  } catch (err) {
    log.error({ err }, 'closing failed')
  }
  return 0
}
