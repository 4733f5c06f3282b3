import { posix } from 'node:path'
import { importsOf, plainCode } from './plain-code.ts'
import type { SourceFile } from './source-files.ts'

/** Each rule takes files and returns what breaks it, one line each: `path: why`. */

/** host -> {actors, transport} -> protocol; actors and transport never import each other (architecture.md 7). */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  host: ['host', 'actors', 'transport', 'protocol'],
  actors: ['actors', 'protocol'],
  transport: ['transport', 'protocol'],
  protocol: ['protocol'],
}

const layerOf = (path: string): string | undefined => /^src\/([^/]+)\//.exec(path)?.[1]

export function wrongDirections(files: readonly SourceFile[]): readonly string[] {
  return files.flatMap(({ path, text }) => {
    const layer = layerOf(path) ?? ''
    const allowed = MAY_IMPORT[layer]
    if (allowed === undefined) return [`${path}: src/${layer} is no layer`]
    return importsOf(text)
      .filter((name) => name.startsWith('.'))
      .map((name) => posix.join(posix.dirname(path), name))
      .filter((target) => target !== 'package.json' && !allowed.includes(layerOf(target) ?? ''))
      .map((target) => `${path}: ${layer} must not import ${target}`)
  })
}

export function wrongPackages(protocolFiles: readonly SourceFile[]): readonly string[] {
  return protocolFiles.flatMap(({ path, text }) =>
    importsOf(text)
      .filter((name) => !name.startsWith('.') && !name.startsWith('@noble/') && name !== 'msgpackr')
      .map((name) => `${path}: src/protocol must not import ${name}`),
  )
}

/** A clock, randomness of its own, or anything of Node or a browser would make a protocol run differ between hosts and tests. */
const IMPURE =
  /\b(?:Date|Math\s*\.\s*random|process|Buffer|console|setTimeout|setInterval|setImmediate|queueMicrotask|performance|crypto|globalThis|fetch)\b/g

export const impurities = (protocolFiles: readonly SourceFile[]): readonly string[] => uses(IMPURE, protocolFiles, 'src/protocol')

/** What a simulated set could not turn: with one of these a seed no longer says what happens (test/simulation). */
const OWN_TIME =
  /\b(?:Date|Math\s*\.\s*random|setTimeout|setInterval|setImmediate|process\s*\.\s*nextTick|performance|randomBytes)\b/g

/** Actors and coordinator wait, measure and draw by what their host gives them; the pool of real threads has no simulation. */
export const ownTime = (files: readonly SourceFile[]): readonly string[] =>
  uses(
    OWN_TIME,
    files.filter(({ path }) => /^src\/(?:actors|host\/coordinator)\/(?!timers\.ts|worker-(?:pool|entry)\.ts)/.test(path)),
    'a simulated part',
  )

/**
 * Comparisons that stop at the first difference, by whose time a digest or tag can be guessed byte by byte. `equalBytes` and `timingSafeEqual`
 * do not stop; `compareBytes` orders public bytes and must not decide whether two are equal.
 */
const EARLY_EXIT =
  /\.\s*equals\s*\(|\.\s*compare\s*\(|\bcompareBytes\s*\([^()]*\)\s*[!=]==|\.\s*(?:every|some)\s*\(\s*\(\s*\w+\s*,\s*\w+\s*\)\s*=>[^)\n]*[!=]==[^)\n]*\[|\btoHex\s*\([^()]*\)\s*[!=]==|[!=]==\s*toHex\s*\(/g

export const earlyExits = (files: readonly SourceFile[]): readonly string[] => uses(EARLY_EXIT, files, 'code with secrets')

function uses(pattern: RegExp, files: readonly SourceFile[], whose: string): readonly string[] {
  return files.flatMap(({ path, text }) =>
    plainCode(text)
      .split('\n')
      .flatMap((line, i) => [...line.matchAll(pattern)].map((match) => `${path}:${i + 1}: ${whose} must not use ${match[0]}`)),
  )
}

/** A tag that begins another would let one hash stand for the other where a length prefix is missing. */
export function tagClashes(tags: Readonly<Record<string, string>>): readonly string[] {
  const all = Object.entries(tags)
  return all.flatMap(([name, tag]) =>
    all
      .filter(([other, value]) => other !== name && value.startsWith(tag))
      .map(([other]) => `${name}: "${tag}" begins the tag of ${other}`),
  )
}

export function unusedTags(tags: Readonly<Record<string, string>>, files: readonly SourceFile[]): readonly string[] {
  const code = files.map(({ text }) => plainCode(text)).join('\n')
  return Object.keys(tags)
    .filter((name) => !new RegExp(`\\bTAGS\\.${name}\\b`).test(code))
    .map((name) => `${name}: used nowhere`)
}

const MAX_LINES = 400

export const tooLong = (files: readonly SourceFile[]): readonly string[] =>
  files
    .map(({ path, text }) => ({ path, lines: text.replace(/\n$/, '').split('\n').length }))
    .filter(({ lines }) => lines > MAX_LINES)
    .map(({ path, lines }) => `${path}: ${lines} lines, ${MAX_LINES} are allowed`)

const VAGUE = /(?:^|-)(?:utils?|helpers?|commons?|managers?|index|misc|shared)(?:-|$)/

export function badNames(files: readonly SourceFile[]): readonly string[] {
  return files.flatMap(({ path }) =>
    path
      .split('/')
      .map((part) => part.replace(/(?:\.test|\.config)?\.[a-z]+$/, ''))
      .flatMap((name) => {
        if (!/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name)) return [`${path}: "${name}" is not kebab-case`]
        return VAGUE.test(name) ? [`${path}: "${name}" says nothing about what is inside`] : []
      }),
  )
}

export function foldersWithoutReadme(folders: readonly string[], files: readonly SourceFile[]): readonly string[] {
  const paths = new Set(files.map((file) => file.path))
  return folders.filter((folder) => !paths.has(`${folder}/README.md`)).map((folder) => `${folder}: has no README.md`)
}

/** Spelt in pieces, so that this file keeps its own rule. */
const LEFTOVERS = new RegExp(['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK'].map((word) => `\\b${word}\\b`).join('|'))
const SILENCED = new RegExp(`@ts-${'ignore'}|@ts-${'nocheck'}`)

export function leftovers(files: readonly SourceFile[]): readonly string[] {
  return files.flatMap(({ path, text }) =>
    text
      .split('\n')
      .map((line, i) => ({ line, at: `${path}:${i + 1}` }))
      .flatMap(({ line, at }) => [
        ...(LEFTOVERS.test(line) ? [`${at}: unfinished work`] : []),
        ...(SILENCED.test(line) ? [`${at}: silences the type checker`] : []),
      ]),
  )
}

/** A skipped test looks like a passed one. `skipIf` on absent vectors says so in the summary. */
const IDLE_TEST = /\b(?:it|test|describe)\s*\.\s*(?:skip|only|todo|fails)\b/

export const idleTests = (testFiles: readonly SourceFile[]): readonly string[] =>
  testFiles.filter(({ text }) => IDLE_TEST.test(plainCode(text))).map(({ path }) => `${path}: holds a test that does not count`)

/** Versions that float make two machines run two programs; a registry host in the lock file makes one of them fail. */
export function looseDependencies(packageJson: string, lockFile: string): readonly string[] {
  const manifest = JSON.parse(packageJson) as Record<string, Record<string, string>>
  const loose = ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap((group) =>
    Object.entries(manifest[group] ?? {})
      .filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version))
      .map(([name, version]) => `package.json: ${name} is "${version}", not one version`),
  )
  return [...loose, ...(/"resolved"|https?:\/\/[^"]*registry/.test(lockFile) ? ['package-lock.json: names a registry'] : [])]
}

/**
 * `npm ci` refuses a lock file that leaves out an optional dependency, even one of another platform; npm writes such a file,
 * without a word, when its registry does not have that package.
 */
export function gapsInLock(lockFile: string): readonly string[] {
  const { packages = {} } = JSON.parse(lockFile) as {
    packages?: Record<string, { integrity?: string; dependencies?: object; optionalDependencies?: object }>
  }
  return Object.entries(packages).flatMap(([path, entry]) => {
    const wanted = Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })
    const missing = wanted.filter((name) => !placesOf(path, name).some((place) => place in packages))
    return [
      ...(path !== '' && entry.integrity === undefined ? [`package-lock.json: ${path} has no integrity`] : []),
      ...missing.map((name) => `package-lock.json: ${path} needs ${name}, which is missing`),
    ]
  })
}

/** Where Node looks for a package: beside the one that asks for it, then further up. */
function placesOf(path: string, name: string): readonly string[] {
  const parts = path.split('/node_modules/')
  return [
    ...parts.map((_, i) => `${parts.slice(0, parts.length - i).join('/node_modules/')}/node_modules/${name}`),
    `node_modules/${name}`,
  ]
}
