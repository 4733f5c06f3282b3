import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { formatEnvFile } from '../config/env-file.ts'
import { formatJson } from '../config/json-file.ts'
import { address, hostName, integer, type Kind } from '../config/setting.ts'
import { ROLES, type Role, SETTINGS } from '../config/settings.ts'
import { command, UsageError } from './command.ts'
import { ENV_FILE } from './host-command.ts'
import { initHost, isLoopback } from './init-host.ts'

export const initCommand = command({
  name: 'init',
  about: 'Makes the keys of one host and prints its public ids as JSON; a signer’s go into the roster.',
  options: {
    role: { value: 'ROLE', about: ROLES.join(' | ') },
    index: { value: 'N', about: 'index of a signer, 1 to 65534; it stays for life' },
    data: { value: 'DIR', about: 'directory to make the files in' },
    name: { value: 'NAME', about: 'name in logs and errors; the role (and index) if absent' },
    host: { value: 'HOST', about: 'name or address under which peers reach the host; 127.0.0.1 if absent' },
    port: { value: 'PORT', about: 'port under which peers reach the host; the role’s own if absent' },
  },
  run: async (given) => {
    const role = ROLES.find((known) => known === given.role)
    if (role === undefined) throw new UsageError(`give --role ${ROLES.join('|')}`)
    if (given.data === undefined) throw new UsageError('give --data, the directory to make the files in')
    if ((role === 'signer') !== (given.index !== undefined))
      throw new UsageError('--index belongs to a signer, and a signer needs it')
    const index = given.index === undefined ? undefined : checked('index', integer(1, 65534), given.index)
    const options = {
      role,
      ...(index === undefined ? {} : { index }),
      name: checked('name', hostName, given.name ?? (index === undefined ? role : `signer-${index}`)),
      host: checked('host', address, given.host ?? '127.0.0.1'),
      port: checked('port', integer(1, 65535), given.port ?? defaultPort(role)),
      dataDir: resolve(given.data),
    }
    const ids = await initHost(options)
    const settings = {
      QUORATE_DATA: options.dataDir,
      QUORATE_NAME: options.name,
      QUORATE_LISTEN: isLoopback(options.host) ? '127.0.0.1' : '0.0.0.0',
      QUORATE_PORT: String(options.port),
      ...(index === undefined ? {} : { QUORATE_INDEX: String(index) }),
    }
    writeFileSync(join(options.dataDir, ENV_FILE), formatEnvFile(role, settings), { flag: 'wx' })
    process.stdout.write(formatJson(ids))
    return 0
  },
})

function checked<T>(option: string, { schema, allowed }: Kind<T>, text: string): T {
  const result = schema.safeParse(text)
  if (!result.success) throw new UsageError(`--${option} is "${text}"; allowed: ${allowed}`)
  return result.data
}

const defaultPort = (role: Role): string => SETTINGS[role].QUORATE_PORT.fallback ?? ''
