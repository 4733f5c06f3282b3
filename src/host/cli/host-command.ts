import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Configs } from '../config/config.ts'
import { loadConfig } from '../config/load-config.ts'
import { ROLES, type Role } from '../config/settings.ts'
import { readSources, type Sources } from '../config/sources.ts'
import { createLogger } from '../log.ts'
import { type RunningHost, runHost } from '../run-host.ts'
import { command, UsageError } from './command.ts'

/** Loaded one at a time: a signer has no business with a gateway's code in its memory. */
const STARTS: { readonly [R in Role]: () => Promise<(config: Configs[R], log: Logger) => Promise<RunningHost>> } = {
  gateway: async () => (await import('../roles/gateway.ts')).startGateway,
  coordinator: async () => (await import('../roles/coordinator.ts')).startCoordinator,
  signer: async () => (await import('../roles/signer.ts')).startSigner,
}

/** What `quorate init` writes into a data directory. */
export const ENV_FILE = 'host.env'

export const hostCommand = command({
  name: 'host',
  about: 'Runs one host until it is signalled.',
  options: {
    role: { value: 'ROLE', about: `${ROLES.join(' | ')}; QUORATE_ROLE if absent` },
    'env-file': { value: 'FILE', about: `settings; ${ENV_FILE} of the data directory if absent` },
    data: { value: 'DIR', about: 'data directory; QUORATE_DATA if absent' },
  },
  run: async (given) => {
    const sources = hostSources(given)
    return run(hostRole(given.role, sources), sources)
  },
})

async function run<R extends Role>(role: R, sources: Sources): Promise<number> {
  const config: Configs[R] = loadConfig(role, sources)
  const log = createLogger({ level: config.logLevel, role, name: config.name })
  const start = await STARTS[role]()
  try {
    return await runHost(() => start(config, log), log)
  } catch (err) {
    log.fatal({ err }, 'the host did not start')
    throw busyPort(err, config.listen) ?? err
  }
}

function busyPort(error: unknown, { host, port }: { readonly host: string; readonly port: number }): Error | undefined {
  if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') return undefined
  return new Error(`port ${port} on ${host} is taken by another program; end that one or set QUORATE_PORT`)
}

interface HostOptions {
  readonly 'env-file'?: string
  readonly data?: string
}

/** Command line over environment over env file. */
export function hostSources(given: HostOptions): Sources {
  const data = given.data ?? process.env['QUORATE_DATA']
  const own = data === undefined ? undefined : join(data, ENV_FILE)
  const file = given['env-file'] ?? (own !== undefined && existsSync(own) ? own : undefined)
  const sources = new Map(readSources(process.env, file))
  if (given.data !== undefined) sources.set('QUORATE_DATA', { text: given.data, from: '--data' })
  return sources
}

export function hostRole(option: string | undefined, sources: Sources): Role {
  const named = option ?? sources.get('QUORATE_ROLE')?.text
  if (named === undefined) throw new UsageError('which role? Give --role or QUORATE_ROLE')
  const role = ROLES.find((known) => known === named)
  if (role === undefined) throw new UsageError(`there is no role "${named}"; the roles are ${ROLES.join(', ')}`)
  return role
}
