import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { nearest } from '../config/sources.ts'

interface Option {
  /** Stands for the value in the help; without it the option is a switch. */
  readonly value?: string
  readonly about: string
}

export type Options = Readonly<Record<string, Option>>

/** Parsed options: text where a value belongs, true where a switch was given. */
export type Given<O extends Options> = { readonly [K in keyof O]?: O[K] extends { value: string } ? string : true }

export interface Command<O extends Options = Options> {
  /** Such as `roster create`. */
  readonly name: string
  readonly about: string
  readonly options: O
  /** Name of the positional arguments in the help; none are taken without it. */
  readonly positionals?: string
  /** @returns the exit code. */
  run(given: Given<O>, positionals: readonly string[]): Promise<number>
}

type Form = Omit<Command, 'run'>

/** Keeps the names of the options in the type. */
export const command = <const O extends Options>(definition: Command<O>): Command<O> => definition

/** The caller's mistake: exit code 2 and a pointer to the help, no stack. */
export class UsageError extends Error {}

export async function runCommand<O extends Options>(definition: Command<O>, args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(definition, args)
  if (values['help'] === true) {
    console.log(helpOf(definition))
    return 0
  }
  if (positionals.length > 0 && definition.positionals === undefined) {
    throw new UsageError(`"${definition.name}" takes no "${positionals[0]}"`)
  }
  return definition.run(values as Given<O>, positionals)
}

function parse({ name, options }: Form, args: readonly string[]) {
  const config: ParseArgsOptionsConfig = { help: { type: 'boolean', short: 'h' } }
  for (const [option, { value }] of Object.entries(options)) config[option] = { type: value === undefined ? 'boolean' : 'string' }
  try {
    return parseArgs({ args: [...args], options: config, allowPositionals: true, strict: true })
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
      const unknown = /'(-{1,2}[^']*)'/.exec(message)?.[1] ?? ''
      const near = nearest(unknown.replace(/^-+/, ''), Object.keys(config))
      throw new UsageError(`"${name}" has no option ${unknown}${near === undefined ? '' : `; did you mean --${near}?`}`)
    }
    if (code?.startsWith('ERR_PARSE_ARGS')) throw new UsageError(message)
    throw error
  }
}

export function helpOf({ name, about, options, positionals }: Form): string {
  const rows = Object.entries(options).map(([option, { value, about: text }]): [string, string] => [
    `--${option}${value === undefined ? '' : ` ${value}`}`,
    text,
  ])
  const usage = `quorate ${name}${rows.length > 0 ? ' [options]' : ''}${positionals === undefined ? '' : ` ${positionals}`}`
  return `${about}\n\nUsage: ${usage}\n\n${columns([...rows, ['-h, --help', 'show this']])}`
}

export function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n')
}
