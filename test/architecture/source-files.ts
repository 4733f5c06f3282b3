import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** A file as the rules see it: a path from the project's root with `/`, and its text. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

/** Every file of the project that we wrote and that matches a pattern. */
export function sourceFiles(...patterns: readonly string[]): readonly SourceFile[] {
  const options = { cwd: ROOT, exclude: ['**/node_modules', '**/.quorate', '**/coverage'] }
  const paths = patterns.flatMap((pattern) => globSync(pattern, options)).map((path) => path.replaceAll('\\', '/'))
  return [...new Set(paths)].sort().map((path) => ({ path, text: readFileSync(`${ROOT}${path}`, 'utf8') }))
}

/** Folders below `top` that hold at least one file, `top` itself left out. */
export function foldersOf(files: readonly SourceFile[], top: string): readonly string[] {
  const folders = new Set<string>()
  for (const { path } of files) {
    const parts = path.split('/').slice(0, -1)
    for (let depth = 2; depth <= parts.length; depth++) {
      if (parts[0] === top) folders.add(parts.slice(0, depth).join('/'))
    }
  }
  return [...folders].sort()
}
