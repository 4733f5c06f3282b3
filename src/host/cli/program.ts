import { ConfigError } from '../config/config-error.ts'
import { nearest } from '../config/sources.ts'
import { VERSION } from '../version.ts'
import { type Command, columns, runCommand, UsageError } from './command.ts'

/** Loaded when used: `--version` should not wait for a certificate library. */
const COMMANDS: Readonly<Record<string, { readonly about: string; readonly load: () => Promise<Command> }>> = {
  start: {
    about: 'start a whole set on this machine, sign once with each scheme, stay up',
    load: async () => (await import('./start-command.ts')).startCommand,
  },
  dev: { about: 'start a whole set on this machine', load: async () => (await import('./dev-command.ts')).devCommand },
  init: { about: 'make the keys of one host', load: async () => (await import('./init-command.ts')).initCommand },
  'roster create': {
    about: 'build the roster of a set from the public ids that init printed',
    load: async () => (await import('./roster-command.ts')).rosterCreateCommand,
  },
  host: {
    about: 'run one host: gateway, coordinator or signer',
    load: async () => (await import('./host-command.ts')).hostCommand,
  },
  'pairs list': {
    about: 'show how a signer stands with its peers for DKLs23: set-ups and bans',
    load: async () => (await import('./pairs-command.ts')).pairsListCommand,
  },
  'pairs renew': {
    about: 'give up the set-up of a signer with a peer',
    load: async () => (await import('./pairs-command.ts')).pairsRenewCommand,
  },
  'pairs lift': {
    about: 'lift the ban of a peer',
    load: async () => (await import('./pairs-command.ts')).pairsLiftCommand,
  },
  'config check': {
    about: 'explain what is wrong with a configuration',
    load: async () => (await import('./config-command.ts')).configCheckCommand,
  },
  'config template': {
    about: 'print an env file with every setting of a role',
    load: async () => (await import('./config-command.ts')).configTemplateCommand,
  },
}

/** Handled by bin/quorate.js before any TypeScript runs. */
const LAUNCHER: readonly (readonly [string, string])[] = [
  ['check', 'format, lint, types, unused code and all tests (npm test)'],
  ['bench', 'measure (npm run bench)'],
]

/** Runs one command line. @returns the exit code: 0 done, 1 failed, 2 used wrongly. */
export async function runProgram(args: readonly string[]): Promise<number> {
  try {
    return await dispatch(args)
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`quorate: ${error.message}\nquorate --help lists the commands, quorate <command> --help its options.`)
      return 2
    }
    if (error instanceof ConfigError) {
      console.error(`quorate: the configuration is not right\n${error.message.replaceAll(/^/gm, '  ')}`)
      return 1
    }
    // What we or the system report (a busy port, an unreadable file) is plain; anything else is a bug and needs its stack.
    const expected = error instanceof Error && (error.constructor === Error || 'code' in error)
    console.error(`quorate: ${error instanceof Error ? (expected ? error.message : error.stack) : String(error)}`)
    return 1
  }
}

async function dispatch(args: readonly string[]): Promise<number> {
  const [first, second] = args
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    console.log(overview())
    return 0
  }
  if (first === '--version' || first === '-v') {
    console.log(`quorate ${VERSION} (Node ${process.versions.node}, ${process.platform} ${process.arch})`)
    return 0
  }
  const pair = `${first} ${second}`
  const name = pair in COMMANDS ? pair : first
  const found = COMMANDS[name]
  if (found !== undefined) return runCommand(await found.load(), args.slice(name === pair ? 2 : 1))
  const family = Object.keys(COMMANDS).filter((known) => known.startsWith(`${first} `))
  if (family.length > 0) throw new UsageError(`which one: ${family.map((known) => `quorate ${known}`).join(', ')}?`)
  const near = nearest(first, [...Object.keys(COMMANDS), ...LAUNCHER.map(([known]) => known)])
  throw new UsageError(`there is no command "${first}"${near === undefined ? '' : `; did you mean ${near}?`}`)
}

function overview(): string {
  const rows = Object.entries(COMMANDS).map(([name, { about }]): [string, string] => [name, about])
  return [
    'Quorate: threshold signing. A private key never exists in one place.',
    '',
    'Usage: quorate <command> [options]',
    '',
    columns([...rows, ...LAUNCHER]),
    '',
    'quorate <command> --help shows the options of a command, --version the version.',
  ].join('\n')
}
