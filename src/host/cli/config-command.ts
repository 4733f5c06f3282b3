import { type EnvRole, formatEnvFile } from '../config/env-file.ts'
import { loadConfig, readSettings } from '../config/load-config.ts'
import { SETTINGS } from '../config/settings.ts'
import { columns, command, UsageError } from './command.ts'
import { hostSources } from './host-command.ts'

const KINDS = Object.keys(SETTINGS) as readonly EnvRole[]

/** `dev`, what most people run, if nothing says otherwise. */
function kindOf(named = 'dev'): EnvRole {
  const kind = KINDS.find((known) => known === named)
  if (kind === undefined) throw new UsageError(`there is no role "${named}"; give --role ${KINDS.join('|')}`)
  return kind
}

export const configCheckCommand = command({
  name: 'config check',
  about: 'Checks every setting and every file it names, as a start would, and says what is wrong.',
  options: {
    role: { value: 'ROLE', about: `${KINDS.join(' | ')}; QUORATE_ROLE if absent, then dev` },
    'env-file': { value: 'FILE', about: 'settings' },
    data: { value: 'DIR', about: 'data directory; QUORATE_DATA if absent' },
  },
  run: async (given) => {
    const sources = hostSources(given)
    const kind = kindOf(given.role ?? sources.get('QUORATE_ROLE')?.text)
    if (kind === 'dev') readSettings(SETTINGS.dev, sources)
    else loadConfig(kind, sources)
    const rows = Object.entries(SETTINGS[kind]).map(([name, { fallback }]): [string, string] => {
      const source = sources.get(name)
      return [name, source === undefined ? `${fallback || '(none)'}  (default)` : `${source.text}  (${source.from})`]
    })
    console.log(`The ${kind} configuration is right.\n${columns(rows)}`)
    return 0
  },
})

export const configTemplateCommand = command({
  name: 'config template',
  about: 'Prints an env file with every setting of a role, what it is for and what is allowed.',
  options: { role: { value: 'ROLE', about: `${KINDS.join(' | ')}; dev if absent` } },
  run: async ({ role }) => {
    process.stdout.write(formatEnvFile(kindOf(role)))
    return 0
  },
})
