import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { endOf } from './runtime.js'

/** Cheap before slow, so that a typing mistake does not wait for the tests. Each is a script of node_modules with its arguments. */
const STEPS = [
  // biome colours its output even into a pipe.
  {
    name: 'format and lint',
    script: '@biomejs/biome/bin/biome',
    args: ['check', '--error-on-warnings', `--colors=${process.stdout.isTTY ? 'force' : 'off'}`, '.'],
  },
  { name: 'types', script: 'typescript/bin/tsc', args: ['-p', '.'] },
  { name: 'types of src/protocol without Node and DOM', script: 'typescript/bin/tsc', args: ['-p', 'src/protocol'] },
  { name: 'unused files, exports and dependencies', script: 'knip/bin/knip.js', args: [] },
]

/**
 * What `npm test` runs. Stops at the first step that fails; the last line is `N passed, N failed, N skipped`.
 * `--long` runs test/long instead (soaks, timing, fuzzing), `--rows` writes the table in test/README.md,
 * `--kernel` compiles the kernel of src/protocol/dkls23 anew. Other arguments go to vitest, such as a path or `-t name`.
 *
 * @param {string} root
 * @param {string} node
 * @param {readonly string[]} args
 * @returns {Promise<number>} exit code
 */
export async function check(root, node, args) {
  const long = args.includes('--long')
  const run = (/** @type {string} */ script, /** @type {readonly string[]} */ rest, /** @type {NodeJS.ProcessEnv} */ env = {}) =>
    endOf(
      spawn(node, [join(root, 'node_modules', script), ...rest], {
        cwd: root,
        stdio: 'inherit',
        env: { ...process.env, ...env },
      }),
    )

  if (args.includes('--rows')) return await run('../test/rows/write-table.ts', [])
  if (args.includes('--kernel')) return await run('../test/protocol/dkls23/write-kernel.ts', [])

  for (const { name, script, args: stepArgs } of long ? [] : STEPS) {
    const start = performance.now()
    process.stdout.write(`\n== ${name}\n`)
    const code = await run(script, stepArgs)
    if (code !== 0) {
      process.stdout.write(`\n== FAILED: ${name}\n`)
      return code
    }
    process.stdout.write(`   ok, ${((performance.now() - start) / 1000).toFixed(1)} s\n`)
  }

  process.stdout.write('\n== tests\n')
  const folder = mkdtempSync(join(tmpdir(), 'quorate-check-'))
  try {
    const report = join(folder, 'report.json')
    const filters = args.filter((arg) => arg !== '--long')
    const code = await run(
      'vitest/vitest.mjs',
      ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...filters],
      { NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/compiled'), ...(long ? { QUORATE_LONG: '1' } : {}) },
    )
    // No report: vitest itself broke, which is one failure.
    const { passed, failed, skipped } = existsSync(report)
      ? countTests(JSON.parse(readFileSync(report, 'utf8')))
      : { passed: 0, failed: 1, skipped: 0 }
    process.stdout.write(`\n${passed} passed, ${failed} failed, ${skipped} skipped\n`)
    return code !== 0 ? code : failed > 0 || passed === 0 ? 1 : 0
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * A file that breaks before its first test (an import error) has no test to count, and counts as one failure.
 *
 * @param {{ numPassedTests: number, numFailedTests: number, numPendingTests: number, numTodoTests: number,
 *   testResults: { status: string, assertionResults: { status: string }[] }[] }} report of vitest's json reporter
 */
export function countTests(report) {
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  )
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
  }
}
