import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, onTestFinished } from 'vitest'

const make = (): string => mkdtempSync(join(tmpdir(), 'quorate-test-'))
const remove = (directory: string): void => rmSync(directory, { recursive: true, force: true })

/** An empty directory that is gone after the test. */
export function temporaryDirectory(): string {
  const directory = make()
  onTestFinished(() => remove(directory))
  return directory
}

/** The same for a whole file or `describe`. */
export function sharedDirectory(): string {
  const directory = make()
  afterAll(() => remove(directory))
  return directory
}
