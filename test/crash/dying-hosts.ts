import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Answer, type DevSet, until } from '../e2e/dev-set.ts'

const PRELOAD = fileURLToPath(new URL('./preload.ts', import.meta.url))

export interface HostProcess {
  readonly child: ChildProcess
  readonly output: () => string
  /** Exit code, or the signal's name. */
  readonly ended: Promise<number | string>
}

/** Name of a host of the set: `signer-1`, `coordinator`, `gateway`. */
export const commandOf = ({ line }: DevSet, name: string): readonly string[] => {
  const [first] = line.signers
  return (first?.command ?? []).map((part) => {
    if (part === 'signer') return name.replace(/-\d+$/, '')
    return part.replace(/signer-1(?=\/)/, name)
  })
}

/** Runs a host of the set by its own command; `wrapper` stands before it. */
export function startHost(
  set: DevSet,
  name: string,
  env: Readonly<Record<string, string>> = {},
  wrapper: readonly string[] = [],
): HostProcess {
  const [program, ...rest] = [...wrapper, ...commandOf(set, name)] as [string, ...string[]]
  const preload = Object.keys(env).length === 0 ? {} : { NODE_OPTIONS: `--import ${PRELOAD}` }
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...preload, ...env } })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
  }
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string)
  return { child, output: () => output, ended }
}

/** The processes that stand for hosts of a set, one each; those that the set started with go when they are replaced. */
export function replacements(set: DevSet) {
  const running = new Map<string, HostProcess>()
  const firstPid = (name: string): number => {
    const signer = set.line.signers.find((s) => s.name === name)
    return signer?.pid ?? (name === 'gateway' ? set.line.gateway_pid : set.line.coordinator_pid)
  }
  const stop = async (name: string): Promise<void> => {
    const host = running.get(name)
    if (host === undefined) process.kill(firstPid(name), 'SIGKILL')
    host?.child.kill('SIGTERM')
    await host?.ended
  }
  return {
    set,
    replace: async (name: string, env: Readonly<Record<string, string>> = {}, wrapper: readonly string[] = []) => {
      await stop(name)
      const host = startHost(set, name, env, wrapper)
      running.set(name, host)
      return host
    },
    /** After its death. */
    again: (name: string): void => {
      running.set(name, startHost(set, name))
    },
    stop: async (): Promise<void> => {
      await Promise.all([...running.keys()].map(stop))
      await set.stop()
    },
  }
}

export type Replacements = ReturnType<typeof replacements>

export const whole = (set: DevSet): Promise<true> =>
  until('all up', 20_000, async () => {
    const answer = await set.call('GET', '/api/v1/set').catch(() => undefined)
    return answer?.body?.quorum === 'full' ? true : undefined
  })

/** Calls until the answer is one for ever; a host that is just coming back is no answer. */
export const settled = (set: DevSet, path: string, body: unknown): Promise<Answer> =>
  until(path, 20_000, async () => {
    const answer = await set.call('POST', path, body).catch(() => undefined)
    return answer === undefined || answer.status === 503 || answer.status === 504 ? undefined : answer
  })
