import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, posix, relative } from 'node:path'
import process from 'node:process'
import { importsOf } from '../architecture/plain-code.ts'
import { ROOT, type SourceFile, sourceFiles } from '../architecture/source-files.ts'
import { applied, type Mutant, mutantsOf } from './checks.ts'
import { REDUNDANT, reasonFor } from './redundant.ts'

// node test/mutation/run.ts [--near | --protocol] [folder or file of src/protocol, ...]: takes every check out of src/protocol, one at a time, and
// looks whether a test notices. Works on a copy of the tree; prints a table and ends with 1 if a check can go without anybody noticing.
// --near asks the tests of the same folder only, --protocol those of all protocols: quick, and a little too strict.

/** A mutant may never come to an end; the tests it stands against do in some minutes. */
const PATIENCE_MS = 900_000
/** A machine that does other work beside this is slow, which must not look like a mutant that was noticed. */
const SLOW = ['--testTimeout=600000', '--hookTimeout=600000']
/** The same for the tests that say themselves how long they may take, which vitest puts above its options. */
const OWN_TIMEOUT = /(?<=\btimeout: |^ *\}, )[\d_]+(?=[,) ])/gm

const nearOnly = process.argv.includes('--near')
const protocolOnly = process.argv.includes('--protocol')
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const targets = sourceFiles('src/protocol/**/*.ts').filter(
  ({ path }) => wanted.length === 0 || wanted.some((w) => path.startsWith(posix.join('src/protocol', w))),
)
const copy = realpathSync(mkdtempSync(join(tmpdir(), 'quorate-mutation-')))

/** Files of the project that a file imports, directly or not. */
function reach(): (path: string) => ReadonlySet<string> {
  const files = new Map(sourceFiles('src/**/*.ts', 'test/**/*.ts').map((file) => [file.path, file]))
  const direct = (file: SourceFile): readonly string[] =>
    importsOf(file.text)
      .filter((name) => name.startsWith('.'))
      .map((name) => posix.join(posix.dirname(file.path), name))
  return (path) => {
    const seen = new Set<string>()
    const queue = [path]
    for (const next of queue) {
      const file = files.get(next)
      if (file === undefined || seen.has(next)) continue
      seen.add(next)
      queue.push(...direct(file))
    }
    return seen
  }
}

/** Test files by nearness: those of the same folder, those of the other protocols, those of whole signers and sets. */
function stagesFor(source: string, tests: ReadonlyMap<string, ReadonlySet<string>>): readonly (readonly string[])[] {
  const folder = source
    .replace(/^src\//, 'test/')
    .split('/')
    .slice(0, 3)
    .join('/')
  const related = [...tests].filter(([, files]) => files.has(source)).map(([path]) => path)
  // The back ends of curve/ are tested beside the native ones.
  const near = related.filter(
    (path) => path.startsWith(`${folder}/`) || (folder.endsWith('/curve') && path.startsWith('test/host/curve/')),
  )
  const protocol = related.filter((path) => path.startsWith('test/protocol/') && !near.includes(path))
  const whole = related.filter((path) => /^test\/(?:actors|fuzz|attack|host\/(?:set|api|gateway|curve|store))\//.test(path))
  const stages = [near, protocol, ...(protocolOnly ? [] : [whole])].filter((stage) => stage.length > 0)
  return nearOnly ? stages.slice(0, 1) : stages
}

interface Ending {
  readonly failed: boolean
  /** The test files that noticed; none when vitest itself was ended. */
  readonly by: readonly string[]
}

function runTests(tests: readonly string[]): Promise<Ending> {
  const vitest = join(copy, 'node_modules/vitest/vitest.mjs')
  const report = join(copy, 'report.json')
  rmSync(report, { force: true })
  const child = spawn(
    process.execPath,
    [vitest, 'run', '--bail=1', '--reporter=json', `--outputFile=${report}`, ...SLOW, ...tests],
    { cwd: copy, stdio: 'ignore', detached: true },
  )
  return new Promise((resolve) => {
    // A worker in an endless loop does not end with its parent: the whole group goes.
    const timer = setTimeout(() => process.kill(-(child.pid as number), 'SIGKILL'), PATIENCE_MS)
    child.on('exit', (code) => {
      clearTimeout(timer)
      resolve({ failed: code !== 0, by: existsSync(report) ? failedIn(readFileSync(report, 'utf8')) : [] })
    })
  })
}

function failedIn(report: string): readonly string[] {
  const { testResults } = JSON.parse(report) as { testResults: readonly { name: string; status: string }[] }
  return testResults.filter(({ status }) => status === 'failed').map(({ name }) => relative(copy, name))
}

const healthy = new Set<string>()
/** Tests that fail anyway would call every mutant killed. Asked once, but of whole sets each time: they fail on a machine that is too busy. */
async function areHealthy(tests: readonly string[]): Promise<boolean> {
  const asked = tests.filter((test) => !healthy.has(test))
  if (asked.length === 0) return true
  if ((await runTests(asked)).failed) return false
  for (const test of asked) if (test.startsWith('test/protocol/')) healthy.add(test)
  return true
}

type Verdict = 'killed' | 'survived' | 'undecided'

/** `keen`: the test of this file's name, and those that noticed other mutants of it. They are asked first, and grow by those that notice this one. */
async function verdictOn(
  file: SourceFile,
  mutant: Mutant,
  stages: readonly (readonly string[])[],
  keen: Set<string>,
): Promise<Verdict> {
  writeFileSync(join(copy, file.path), applied(file.text, mutant))
  try {
    const passed = new Set<string>()
    for (const asked of [[...keen], ...stages]) {
      const stage = asked.filter((test) => !passed.has(test))
      if (stage.length === 0) continue
      const { failed, by } = await runTests(stage)
      if (!failed) {
        for (const test of stage) passed.add(test)
        continue
      }
      writeFileSync(join(copy, file.path), file.text)
      for (const test of by) if (test.startsWith('test/protocol/')) keen.add(test)
      return (await areHealthy(by.length === 0 ? stage : by)) ? 'killed' : 'undecided'
    }
    return 'survived'
  } finally {
    writeFileSync(join(copy, file.path), file.text)
  }
}

interface Row {
  checks: number
  killed: number
  readonly survivors: string[]
}

async function main(): Promise<number> {
  for (const part of ['src', 'test', 'bench', 'bin', 'package.json', 'vitest.config.ts', 'tsconfig.json']) {
    cpSync(join(ROOT, part), join(copy, part), { recursive: true })
  }
  for (const { path, text } of sourceFiles('test/protocol/**/*.test.ts')) {
    writeFileSync(join(copy, path), text.replace(OWN_TIMEOUT, '600_000'))
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  const reachOf = reach()
  const tests = new Map(sourceFiles('test/**/*.test.ts').map(({ path }) => [path, reachOf(path)]))
  const table = new Map<string, Row>()
  let open = 0
  for (const file of targets) {
    const stages = stagesFor(file.path, tests)
    const folder = file.path.split('/')[2] as string
    const row = table.get(folder) ?? { checks: 0, killed: 0, survivors: [] }
    table.set(folder, row)
    const keen = new Set(stages[0]?.filter((test) => posix.basename(test, '.test.ts') === posix.basename(file.path, '.ts')))
    for (const mutant of mutantsOf(file.text)) {
      const at = `${file.path.slice('src/protocol/'.length)}:${mutant.line} \`${mutant.was}\``
      const reason = reasonFor(REDUNDANT, file.path, mutant)
      const verdict = await verdictOn(file, mutant, reason === undefined ? stages : stages.slice(0, 1), keen)
      const shown = verdict !== 'survived' ? verdict : reason === undefined ? 'OPEN' : 'redundant'
      row.checks += 1
      if (verdict === 'killed') row.killed += 1
      else row.survivors.push(`${at}: ${verdict === 'undecided' ? 'TESTS FAIL ANYWAY' : (reason ?? 'NO TEST NOTICES')}`)
      if (shown === 'OPEN' || shown === 'undecided') open += 1
      console.log(`${shown.padEnd(9)} ${at}`)
    }
  }
  console.log('\n| Folder | Checks | Killed | Redundant or open |\n| --- | ---: | ---: | ---: |')
  for (const [folder, row] of table) console.log(`| ${folder} | ${row.checks} | ${row.killed} | ${row.survivors.length} |`)
  for (const [, { survivors }] of table) for (const line of survivors) console.log(`- ${line}`)
  return open === 0 ? 0 : 1
}

try {
  process.exitCode = await main()
} finally {
  rmSync(copy, { recursive: true, force: true })
}
