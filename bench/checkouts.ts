import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

export const HERE = fileURLToPath(new URL('..', import.meta.url))

/** A version of this project that can be started. */
export interface Checkout {
  /** As it was asked for, and its commit. */
  readonly name: string
  readonly root: string
  readonly remove: () => void
}

const git = (cwd: string, ...args: readonly string[]): string =>
  execFileSync('git', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()

/**
 * A directory with a checkout, as it is; or a commit of this one, in a work tree of its own until it is removed, with this checkout's
 * dependencies. @throws Error for anything else, and for a commit that needs other dependencies
 */
export function checkoutOf(wanted: string): Checkout {
  if (existsSync(join(wanted, 'bin', 'quorate.js')))
    return { name: named(wanted, resolve(wanted)), root: resolve(wanted), remove: () => undefined }
  let commit: string
  try {
    commit = git(HERE, 'rev-parse', '--verify', '--quiet', '--end-of-options', `${wanted}^{commit}`)
  } catch {
    throw new Error(`${wanted} is neither a directory with a checkout nor a commit of this one`)
  }
  const folder = mkdtempSync(join(tmpdir(), 'quorate-compare-'))
  const root = join(folder, 'tree')
  const remove = (): void => {
    process.off('exit', remove)
    rmSync(folder, { recursive: true, force: true })
    git(HERE, 'worktree', 'prune')
  }
  process.once('exit', remove)
  try {
    git(HERE, 'worktree', 'add', '--detach', root, commit)
    if (!sameDependencies(root)) {
      throw new Error(`${wanted} has other dependencies: check it out elsewhere, run npm ci there, and name that directory`)
    }
    symlinkSync(join(HERE, 'node_modules'), join(root, 'node_modules'), 'dir')
    return { name: named(wanted, root), root, remove }
  } catch (error) {
    remove()
    throw error
  }
}

function named(wanted: string, root: string): string {
  try {
    const changes = git(root, 'status', '--porcelain', '--untracked-files=no') === '' ? '' : ' with changes'
    return `${wanted} (${git(root, 'rev-parse', '--short=12', 'HEAD')}${changes})`
  } catch {
    return wanted
  }
}

const sameDependencies = (root: string): boolean =>
  readFileSync(join(root, 'package-lock.json')).equals(readFileSync(join(HERE, 'package-lock.json')))
