import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { endOf } from './runtime.js'

/**
 * @typedef {{ version?: string, integrity?: string, optional?: boolean, peer?: boolean, dev?: boolean, devOptional?: boolean }} Locked
 * @typedef {{ development: boolean }} Wanted
 */

/**
 * Runs `npm ci` when node_modules does not hold what package-lock.json names. All output goes to stderr: stdout belongs to
 * the command (`dev --json` prints one line there). QUORATE_INSTALL=never refuses instead, for images and locked-down hosts.
 *
 * @param {string} root
 * @param {Wanted} wanted
 */
export async function bringDependencies(root, wanted) {
  if (whyOutdated(root, wanted) === null) return
  if (process.env['QUORATE_INSTALL'] === 'never') {
    throw new Error(`${whyOutdated(root, wanted)}, and QUORATE_INSTALL=never forbids installing. Run: npm ci`)
  }
  await withInstallLock(join(root, '.quorate-install'), async () => {
    // Another start may have installed while this one waited for the lock.
    const reason = whyOutdated(root, wanted)
    if (reason === null) return
    await npmCi(root, reason)
    const left = whyOutdated(root, wanted)
    if (left !== null) throw new Error(`npm ci ended well, and yet ${left}. Look at npm's settings "omit" and "include".`)
  })
}

/**
 * Compares contents, not times: a clone, a cache or a copied folder keeps no useful times. npm records what it installed in
 * node_modules/.package-lock.json.
 *
 * @param {string} root
 * @param {Wanted} wanted
 * @returns {string | null} null when everything is there
 */
export function whyOutdated(root, { development }) {
  const locked = packagesOf(join(root, 'package-lock.json'))
  if (locked === null) throw new Error('package-lock.json is missing or unreadable; this is not a complete copy of Quorate')
  const installed = packagesOf(join(root, 'node_modules', '.package-lock.json'))
  if (installed === null) return 'node_modules is missing'
  for (const [path, want] of Object.entries(locked)) {
    if (path === '') continue
    const have = installed[path]
    if (have === undefined) {
      const mayBeAbsent = want.optional || want.peer || want.devOptional || (want.dev && !development)
      if (!mayBeAbsent) return `${path} is missing`
    } else if (have.version !== want.version || have.integrity !== want.integrity) {
      return `${path} is not the version of package-lock.json`
    }
  }
  return null
}

/**
 * @param {string} file
 * @returns {Record<string, Locked> | null}
 */
function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages
  } catch {
    return null
  }
}

/**
 * @param {string} root
 * @param {string} reason
 */
async function npmCi(root, reason) {
  const say = (/** @type {string} */ text) => process.stderr.write(`quorate: ${text}\n`)
  say(`installing dependencies (${reason}); this takes about a minute once`)
  const start = Date.now()
  const seconds = () => Math.round((Date.now() - start) / 1000)
  // Without a terminal npm shows no progress; a silent minute looks like a hang.
  const heartbeat = setInterval(() => say(`still installing, ${seconds()} s`), 10_000)
  try {
    const code = await runNpm(root, ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund'])
    if (code !== 0) {
      throw new Error(
        `npm ci failed with exit code ${code} (its messages are above).\n` +
          'Usual causes: no network, a proxy or registry that npm does not know of (npm config get registry), a full disk.\n' +
          'Run "npm ci" in this folder by hand, then try again.',
      )
    }
    say(`installed in ${seconds()} s`)
  } finally {
    clearInterval(heartbeat)
  }
}

/**
 * @param {string} root
 * @param {string[]} args
 * @returns {Promise<number>} exit code
 */
function runNpm(root, args) {
  const cli = process.env['npm_execpath']
  // Under `npm start` this is the very npm that runs; elsewhere the one on the PATH.
  const known = cli !== undefined && basename(cli) === 'npm-cli.js'
  const [program, before] = known ? [process.execPath, [cli]] : ['npm', []]
  const shell = !known && process.platform === 'win32'
  return endOf(spawn(program, [...before, ...args], { cwd: root, stdio: ['ignore', 2, 2], shell }))
}

/**
 * Two starts in a fresh clone must not run npm in one folder at the same time. `link` creates the lock with its content in
 * one step, so a waiting start always finds the holder's pid in it.
 *
 * @param {string} lock
 * @param {() => Promise<void>} work
 */
export async function withInstallLock(lock, work) {
  const mine = `${lock}-${randomUUID()}`
  writeFileSync(mine, String(process.pid))
  try {
    while (!tryLink(mine, lock)) {
      if (isGone(lock)) rmSync(lock, { force: true })
      else await sleep(200)
    }
    try {
      await work()
    } finally {
      rmSync(lock, { force: true })
    }
  } finally {
    rmSync(mine, { force: true })
  }
}

/**
 * @param {string} from
 * @param {string} to
 */
function tryLink(from, to) {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EEXIST') return false
    throw error
  }
}

/**
 * Whether the holder of a lock has died without removing it.
 *
 * @param {string} lock
 */
function isGone(lock) {
  try {
    process.kill(Number(readFileSync(lock, 'utf8')), 0)
    return false
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'ESRCH'
  }
}
