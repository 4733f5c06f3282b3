import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, linkSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

function syncDirectory(directory: string): void {
  const handle = openSync(directory, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

/**
 * Creates `path` with mode 0600, whole and durable, or not at all: after a power cut at any instruction nobody finds half a
 * file under that name. `fill` is given an empty file of another name in the same directory and leaves it complete and synced.
 * @returns false when `path` exists, which is then left alone. `link` and not `rename`: of two creators one wins, visibly.
 */
export function createDurableFile(path: string, fill: (temporary: string) => void): boolean {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.new`
  closeSync(openSync(temporary, 'wx', 0o600))
  try {
    fill(temporary)
    linkSync(temporary, path)
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && syscall === 'link') return false
    throw error
  } finally {
    rmSync(temporary, { force: true })
  }
  syncDirectory(dirname(path))
  return true
}

/** Replaces `path`, mode 0600, or creates it: after a power cut at any instruction it holds the old text or the new one, whole. */
export function replaceDurableFile(path: string, text: string): void {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.new`
  try {
    const handle = openSync(temporary, 'wx', 0o600)
    try {
      writeFileSync(handle, text)
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
  syncDirectory(dirname(path))
}
