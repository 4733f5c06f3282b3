import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** In memory where there is such a place: stores flush every write, and thousands of inputs a minute would wear a disk for nothing. */
const BASE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

export function scratchFolder(): { readonly at: (name: string) => string; readonly remove: () => void } {
  const folder = mkdtempSync(join(BASE, 'quorate-fuzz-'))
  return { at: (name) => join(folder, name), remove: () => rmSync(folder, { recursive: true, force: true }) }
}
