import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { ConfigError } from './config-error.ts'
import { OTHER_NAMES, SETTINGS } from './settings.ts'

/** Texts of settings by name, and where each came from. */
export type Sources = ReadonlyMap<string, { readonly text: string; readonly from: string }>

const KNOWN = new Set([...Object.values(SETTINGS).flatMap((table) => Object.keys(table)), ...OTHER_NAMES])

/**
 * Collects the QUORATE_ settings. The environment wins over the env file, as in containers everywhere. A name that no role
 * knows is refused: a misspelt setting that is silently ignored is worse than no setting. Settings of other roles are allowed, so
 * that hosts may share a file.
 * @throws ConfigError
 */
export function readSources(environment: Readonly<Record<string, string | undefined>>, envFile?: string): Sources {
  const sources = new Map<string, { text: string; from: string }>()
  for (const [name, text] of Object.entries(envFile === undefined ? {} : readEnvFile(envFile))) {
    if (text !== undefined) sources.set(name, { text, from: envFile ?? '' })
  }
  for (const [name, text] of Object.entries(environment)) {
    if (text === undefined || !name.startsWith('QUORATE_')) continue
    // node takes --env-file for itself, even after the script's name, and has put the file's lines into the environment.
    if (sources.get(name)?.text !== text) sources.set(name, { text, from: 'environment' })
  }
  const unknown = [...sources].filter(([name]) => !KNOWN.has(name))
  if (unknown.length > 0) {
    throw new ConfigError(unknown.map(([setting, { from }]) => ({ setting, from, problem: `no such setting${hint(setting)}` })))
  }
  return sources
}

function readEnvFile(path: string): Record<string, string | undefined> {
  try {
    return parseEnv(readFileSync(path, 'utf8'))
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new ConfigError([{ setting: '--env-file', problem: `cannot read the file: ${why}` }])
  }
}

function hint(name: string): string {
  const near = nearest(name, [...KNOWN])
  return near === undefined ? '' : `; did you mean ${near}?`
}

/** The most similar word, if it is similar at all: at most two letters or a third of them differ (Levenshtein distance). */
export function nearest(word: string, words: readonly string[]): string | undefined {
  let best: { readonly word: string; readonly distance: number } | undefined
  for (const candidate of words) {
    const distance = editDistance(word, candidate)
    if (distance <= Math.max(2, word.length / 3) && (best === undefined || distance < best.distance))
      best = { word: candidate, distance }
  }
  return best?.word
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const [left, up, corner] = [next[j - 1], row[j], row[j - 1]] as [number, number, number]
      next.push(Math.min(left + 1, up + 1, corner + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row.at(-1) as number
}
