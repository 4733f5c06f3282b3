import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import process from 'node:process'
import { ROOT, type SourceFile } from '../architecture/source-files.ts'
import type { Removal } from './removals.ts'

/** Longer than any honest run: a removal that hangs has been noticed. */
const LONGEST_MS = 10 * 60_000

/** vitest runs the longest files first; to be told of a failure soon, it is the quickest that have to come first. */
const CONFIG = `import { readFileSync } from 'node:fs'
const order = JSON.parse(readFileSync(new URL('order.json', import.meta.url), 'utf8'))
const place = ({ moduleId }) => order.findIndex((path) => moduleId.endsWith(path))
class QuickFirst {
  shard(files) { return files }
  sort(files) { return files.toSorted((a, b) => place(a) - place(b)) }
}
export default { test: { pool: 'forks', testTimeout: 60_000, sequence: { sequencer: QuickFirst } } }
`

/** A copy of the sources and tests, in which one file at a time is replaced and the tests are run. */
export class AlteredTree {
  readonly #base = mkdtempSync(join(tmpdir(), 'quorate-removed-'))
  readonly #root = join(this.#base, 'project')

  /** @param order test files, the quickest first, from another tree's `passes` */
  constructor(order: readonly string[] = []) {
    mkdirSync(this.#root)
    for (const name of ['src', 'test', 'bin', 'package.json', 'tsconfig.json'])
      cpSync(join(ROOT, name), join(this.#root, name), { recursive: true })
    symlinkSync(realpathSync(join(ROOT, 'node_modules')), join(this.#root, 'node_modules'))
    writeFileSync(join(this.#root, 'vitest.config.js'), CONFIG)
    writeFileSync(join(this.#root, 'order.json'), JSON.stringify(order))
    // Vectors are read from beside the project.
    const shared = join(ROOT, '..', 'shared')
    if (existsSync(shared)) symlinkSync(realpathSync(shared), join(this.#base, 'shared'))
  }

  /** Test files, the quickest first, or null when the unchanged tree fails: then every removal would seem to be noticed. */
  async passes(pattern = 'test/protocol/**/*.test.ts'): Promise<readonly string[] | null> {
    const report = join(this.#base, 'report.json')
    if (!(await this.#run(this.#testFiles(pattern), ['--reporter=json', `--outputFile=${report}`]))) return null
    const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as {
      testResults: readonly { readonly name: string; readonly startTime: number; readonly endTime: number }[]
    }
    return testResults
      .toSorted((a, b) => a.endTime - a.startTime - (b.endTime - b.startTime))
      .map(({ name }) => relative(realpathSync(this.#root), name))
  }

  /** Whether a test of the protocols fails without the check; those of the same folder first, since they mostly do. */
  async notices(removal: Removal, original: SourceFile): Promise<boolean> {
    const folder = removal.path.split('/').slice(1, -1).join('/')
    const near = this.#testFiles(`test/${folder}/*.test.ts`)
    const rest = this.#testFiles('test/protocol/**/*.test.ts').filter((path) => !near.includes(path))
    const file = join(this.#root, removal.path)
    writeFileSync(file, removal.text)
    try {
      return (near.length > 0 && !(await this.#run(near))) || !(await this.#run(rest))
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

  async #run(files: readonly string[], reporter: readonly string[] = ['--reporter=dot']): Promise<boolean> {
    const vitest = join(this.#root, 'node_modules', 'vitest', 'vitest.mjs')
    const { QUORATE_LONG: _, ...env } = process.env
    const run = spawn(process.execPath, [vitest, 'run', '--bail=1', '--maxWorkers=1', ...reporter, ...files], {
      cwd: this.#root,
      env,
      stdio: 'ignore',
      timeout: LONGEST_MS,
      killSignal: 'SIGKILL',
    })
    const [code] = (await once(run, 'exit')) as [number | null]
    return code === 0
  }
}
