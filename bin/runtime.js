import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

const NEEDED = 24

/** @param {string} version such as '24.21.0' */
const isNewEnough = (version) => Number.parseInt(version, 10) >= NEEDED

/**
 * A Node that runs the TypeScript sources: this one if it is new enough, else the one that npm installed for this platform
 * (the optionalDependencies of package.json; only the matching one is ever installed).
 *
 * @param {string} root
 * @returns {string} path of the executable
 */
export function findNode(root) {
  if (isNewEnough(process.versions.node)) return process.execPath
  const platform = `${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
  const executable = process.platform === 'win32' ? 'node.exe' : 'node'
  for (const name of [`node-${platform}`, `node-bin-${platform}`]) {
    const path = join(root, 'node_modules', name, 'bin', executable)
    if (existsSync(path)) return path
  }
  throw new Error(
    `this is Node ${process.versions.node}; Node ${NEEDED} or newer is needed and npm has none for ${platform} among the dependencies.\n` +
      `Install Node ${NEEDED} from your system's packages and run the same command with it.`,
  )
}

/**
 * Runs a program in `node` and ends like it. The IPC channel tells the child when this process dies without a word (SIGKILL),
 * so that it never stays behind as an orphan.
 *
 * @param {string} node
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<number>} exit code
 */
export const runInNode = (node, args, env = process.env) =>
  endOf(spawn(node, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], env }))

/**
 * Waits for a child and passes our signals on to it meanwhile. A child killed by a signal takes us with it.
 *
 * @param {import('node:child_process').ChildProcess} child
 * @returns {Promise<number>} exit code
 */
export function endOf(child) {
  /** @type {NodeJS.Signals[]} */
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  const forward = (/** @type {NodeJS.Signals} */ signal) => child.kill(signal)
  for (const signal of signals) process.on(signal, forward)
  const settle = () => {
    for (const signal of signals) process.off(signal, forward)
  }
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      settle()
      reject(new Error(`cannot run ${child.spawnfile}: ${error.message}`))
    })
    child.once('exit', (code, signal) => {
      settle()
      if (signal !== null) process.kill(process.pid, signal)
      resolve(code ?? 1)
    })
  })
}
