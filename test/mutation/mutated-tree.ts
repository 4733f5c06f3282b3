import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, globSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { ROOT, type SourceFile } from '../architecture/source-files.ts'
import type { Mutant } from './mutants.ts'

/** Longer than any honest run: a mutant that hangs has been noticed. */
const LONGEST_MS = 10 * 60_000

/** A copy of the sources and tests, in which one file at a time is replaced and the tests are run. */
export class MutatedTree {
  readonly #base = mkdtempSync(join(tmpdir(), 'quorate-mutants-'))
  readonly #root = join(this.#base, 'project')

  constructor() {
    mkdirSync(this.#root)
    for (const name of ['src', 'test', 'bin', 'package.json', 'vitest.config.ts'])
      cpSync(join(ROOT, name), join(this.#root, name), { recursive: true })
    symlinkSync(realpathSync(join(ROOT, 'node_modules')), join(this.#root, 'node_modules'))
    // Vectors are read from beside the project.
    const shared = join(ROOT, '..', 'shared')
    if (existsSync(shared)) symlinkSync(realpathSync(shared), join(this.#base, 'shared'))
  }

  /** The unchanged tree must pass, or every mutant would seem to be noticed. */
  passes(): boolean {
    return this.#run(this.#testFiles('test/protocol/**/*.test.ts'))
  }

  /** Whether a test of the protocols fails without the check; those of the same folder first, since they mostly do. */
  notices(mutant: Mutant, original: SourceFile): boolean {
    const folder = mutant.path.split('/').slice(1, -1).join('/')
    const near = this.#testFiles(`test/${folder}/*.test.ts`)
    const quick = near.filter((path) => !path.endsWith('relay.test.ts'))
    const file = join(this.#root, mutant.path)
    writeFileSync(file, mutant.text)
    try {
      return [quick, this.#testFiles('test/protocol/**/*.test.ts').filter((path) => !quick.includes(path))].some(
        (files) => files.length > 0 && !this.#run(files),
      )
    } finally {
      writeFileSync(file, original.text)
    }
  }

  remove(): void {
    rmSync(this.#base, { recursive: true, force: true })
  }

  #testFiles(pattern: string): readonly string[] {
    return globSync(pattern, { cwd: this.#root }).sort()
  }

  #run(files: readonly string[]): boolean {
    const vitest = join(this.#root, 'node_modules', 'vitest', 'vitest.mjs')
    const { QUORATE_LONG: _, ...env } = process.env
    const { status } = spawnSync(process.execPath, [vitest, 'run', '--bail=1', '--maxWorkers=1', '--reporter=dot', ...files], {
      cwd: this.#root,
      env,
      stdio: 'ignore',
      timeout: LONGEST_MS,
      killSignal: 'SIGKILL',
    })
    return status === 0
  }
}
