import { shown } from './config-error.ts'
import type { Setting } from './setting.ts'
import { SETTINGS } from './settings.ts'

export type EnvRole = keyof typeof SETTINGS

/**
 * The text of an env file for a role: given settings as lines, the others as comments with what they are for. What
 * `quorate config template` prints and `quorate init` and `quorate dev` write.
 */
export function formatEnvFile(role: EnvRole, given: Readonly<Record<string, string>> = {}): string {
  const table: Readonly<Record<string, Setting<unknown>>> = SETTINGS[role]
  const lines = [`# Settings of a Quorate ${role}. Check them with: quorate config check --env-file <this file>`]
  if (role !== 'dev') lines.push(`QUORATE_ROLE=${role}`)
  for (const [name, { about, allowed, fallback }] of Object.entries(table)) {
    const value = given[name]
    const state = fallback === undefined ? ', has to be given' : fallback === null ? ', may be left out' : ''
    lines.push(
      '',
      `# ${about} (${allowed}${state})`,
      value === undefined ? `# ${name}=${fallback ?? ''}` : `${name}=${quoted(value)}`,
    )
  }
  return `${lines.join('\n')}\n`
}

/** As node:util parseEnv reads it back: plain if it can be, else in the one kind of quotes that the text does not hold. */
function quoted(value: string): string {
  if (/^[A-Za-z0-9_./:@%+,-]*$/.test(value)) return value
  const quote = ["'", '"', '`'].find((mark) => !value.includes(mark))
  if (quote === undefined || /[\n\r]/.test(value)) throw new RangeError(`an env file cannot hold ${shown(value)}`)
  return `${quote}${value}${quote}`
}
