import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

export const LAUNCHER = fileURLToPath(new URL('../../bin/quorate.js', import.meta.url))

/** A child process whose output is collected. */
export interface Run {
  readonly child: ChildProcess
  readonly out: () => string
  readonly err: () => string
  /** Exit code, or the signal's name. */
  readonly ended: Promise<number | string>
}

/** Killed with the test, whatever it does. Settings of the shell that runs the tests are kept out, but for where compiled code is kept. */
export function start(args: readonly string[], env: Readonly<Record<string, string>> = {}, cwd?: string): Run {
  const clean = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(QUORATE|npm|VITEST|NODE(?!_COMPILE_CACHE))_/i.test(name)),
  )
  const child = spawn(process.execPath, [...args], {
    env: { ...clean, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    ...(cwd === undefined ? {} : { cwd }),
  })
  let [out, err] = ['', '']
  child.stdout?.on('data', (chunk) => {
    out += chunk
  })
  child.stderr?.on('data', (chunk) => {
    err += chunk
  })
  const ended = new Promise<number | string>((resolve) =>
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown')),
  )
  onTestFinished(() => void child.kill('SIGKILL'))
  return { child, out: () => out, err: () => err, ended }
}

/** Runs `quorate` to its end. */
export async function quorate(args: readonly string[], env: Readonly<Record<string, string>> = {}, cwd?: string) {
  const run = start([LAUNCHER, ...args], env, cwd)
  const code = await run.ended
  return { code, out: run.out(), err: run.err() }
}

/** Waits until `look` gives something. */
export async function until<T>(look: () => T | undefined | false, milliseconds = 20_000): Promise<T> {
  const end = performance.now() + milliseconds
  for (;;) {
    const found = look()
    if (found !== undefined && found !== false) return found
    if (performance.now() > end) throw new Error(`waited ${milliseconds} ms in vain`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
