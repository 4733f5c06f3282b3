import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { sha256 } from '@noble/hashes/sha2.js'
import { toHex } from '../../src/protocol/engine/bytes.ts'

const FOLDER = fileURLToPath(new URL('./corpus/', import.meta.url))

export const corpusFolder = (target: string): string => `${FOLDER}${target}/`

/** The committed inputs of a target by file name. */
export function readCorpus(target: string): ReadonlyMap<string, Uint8Array> {
  const folder = corpusFolder(target)
  mkdirSync(folder, { recursive: true })
  const names = readdirSync(folder).filter((name) => name.endsWith('.bin'))
  return new Map(names.sort().map((name) => [name, Uint8Array.from(readFileSync(folder + name))]))
}

/** The same for a campaign: what `make-seeds.ts` writes comes first. */
export function inputsOf(target: string): { readonly inputs: readonly Uint8Array[]; readonly seeds: number } {
  const files = [...readCorpus(target)]
  const seeds = files.filter(([name]) => name.startsWith('seed-'))
  return { inputs: [...seeds, ...files.filter((file) => !seeds.includes(file))].map(([, input]) => input), seeds: seeds.length }
}

/** A name that the same bytes always get. */
export const contentName = (prefix: 'found' | 'grown', input: Uint8Array): string =>
  `${prefix}-${toHex(sha256(input)).slice(0, 12)}.bin`

/** @returns the file's path. */
export function writeCorpus(target: string, name: string, input: Uint8Array): string {
  const path = corpusFolder(target) + name
  mkdirSync(corpusFolder(target), { recursive: true })
  writeFileSync(path, input)
  return path
}
