import { readSettings } from '../config/load-config.ts'
import { DEV } from '../config/settings.ts'
import { readSources } from '../config/sources.ts'
import { command, type Given } from './command.ts'
import { type DevSettings, type RunningSet, say, withDevSet } from './dev-run.ts'
import { readToken } from './dev-set.ts'

export const DEV_OPTIONS = {
  set: { value: 'T-of-N', about: 'threshold and number of signers; 2-of-3 if absent' },
  data: { value: 'DIR', about: 'directory of the set; .quorate if absent' },
  'env-file': { value: 'FILE', about: 'settings, such as env/local.env' },
  ephemeral: { about: 'free ports, and a temporary directory that is removed at the end' },
} as const

export const devCommand = command({
  name: 'dev',
  about:
    'Starts a gateway, a coordinator and the signers on this machine, until Ctrl-C. For development: never put funds under its keys.',
  options: {
    ...DEV_OPTIONS,
    json: { about: 'print one line of JSON when the set is ready, and nothing else on standard output' },
  },
  run: (given) =>
    withDevSet(devSettings(given), async (running) => {
      if (given.json) console.log(JSON.stringify(describe(running)))
      else
        console.log(
          `ready: ${running.set.gateway.url} (gateway), ${running.set.coordinator.url} (coordinator). Ctrl-C stops all.`,
        )
      say(`stopping (${await running.stopped})`)
      return 0
    }),
})

/** Command line over environment over env file. */
export function devSettings(given: Given<typeof DEV_OPTIONS>): DevSettings {
  const sources = new Map(readSources(process.env, given['env-file']))
  if (given.set !== undefined) sources.set('QUORATE_SET', { text: given.set, from: '--set' })
  if (given.data !== undefined) sources.set('QUORATE_DATA', { text: given.data, from: '--data' })
  return { ...readSettings(DEV, sources), ephemeral: given.ephemeral === true }
}

/** The line of `--json`; a contract (design/api.md "Starting it"), members may be added. */
function describe({ set, gateway, coordinator, signers }: RunningSet) {
  return {
    gateway: set.gateway.url,
    coordinator: set.coordinator.url,
    ca: set.caFile,
    token: readToken(set),
    client: set.client,
    credential: set.credentialFile,
    signers: signers.map(({ host, pid, command: again }) => ({
      index: host.index,
      pid,
      url: host.url,
      name: host.name,
      command: again,
      env_file: host.envFile,
      log: host.logFile,
    })),
    coordinator_pid: coordinator.pid,
    gateway_pid: gateway.pid,
    coordinator_command: coordinator.command,
    gateway_command: gateway.command,
    data: set.dataDir,
    audience: set.audience,
    roster: set.rosterFile,
    roster_hash: set.rosterHash,
    threshold: set.threshold,
    parties: set.parties,
  }
}
