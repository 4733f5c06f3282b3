import { type ChildProcess, spawn } from 'node:child_process'
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Agent, Pool } from 'undici'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const START_MS = 90_000
const STOP_MS = 20_000
const CALL_MS = 20_000
/** A stopped signer does not hold up a measurement of the others. */
const METRICS_MS = 2_000

/** PKCS #8 of RFC 8410 up to the 32 bytes of an Ed25519 seed. */
const ED25519_PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')

/** The line that `quorate dev --json` prints (design/api.md "Starting it"), as far as it is used here. */
interface DevLine {
  readonly gateway: string
  readonly coordinator: string
  readonly ca: string
  readonly token: string
  readonly client: { readonly cert: string; readonly key: string }
  readonly credential: string
  /** The directory of the whole set. */
  readonly data: string
  readonly signers: readonly {
    readonly index: number
    readonly url: string
    readonly pid: number
    readonly command: readonly string[]
  }[]
  readonly coordinator_pid: number
  readonly gateway_pid: number
  readonly audience: string
  readonly threshold: number
  readonly parties: number
}

/** The part of `GET /api/v1/set` that is looked at here. */
export interface SetState {
  readonly signers: readonly { readonly index: number; readonly state: string }[]
  readonly engines: Readonly<Record<string, string | null>>
  readonly pairs: { readonly ready: number; readonly total: number }
}

export interface HostProcess {
  readonly name: string
  readonly pid: number
}

/** A set in processes of its own, and what a client needs to speak to it. */
export interface RunningSet {
  readonly line: DevLine
  readonly hosts: readonly HostProcess[]
  /** NaN for one that ran before. */
  readonly startSeconds: number
  readonly credential: { readonly id: string; readonly key: KeyObject }
  /** A pool of kept-alive TLS connections: to the coordinator with the client's certificate, to the gateway without any. */
  readonly connect: (to: 'coordinator' | 'gateway', connections: number) => Pool
  readonly headers: Readonly<Record<'coordinator' | 'gateway', Readonly<Record<string, string>>>>
  /** A host's metrics in Prometheus' text format; undefined when it does not answer, or not to us. */
  readonly metrics: (host: string) => Promise<string | undefined>
  /** What the coordinator says of the set. */
  readonly state: () => Promise<SetState>
  readonly signal: (signer: number, signal: NodeJS.Signals) => void
  /** Starts a signer that was killed, as it was started before. */
  readonly revive: (signer: number) => void
  readonly stop: () => Promise<void>
}

export interface SetStart {
  /** For the processes of the set, besides our own. */
  readonly env?: Readonly<Record<string, string>>
  /** The checkout whose code runs; this one if absent. */
  readonly root?: string
  /** Of `quorate dev`; if absent three signers on free ports, in a directory that goes with them. */
  readonly args?: readonly string[]
}

/** Starts `quorate dev`: gateway, coordinator and signers. */
export async function startSet({ env, root = ROOT, args = ['--ephemeral'] }: SetStart = {}): Promise<RunningSet> {
  const started = performance.now()
  // The channel ends the set when this process dies without a word.
  const child = spawn(process.execPath, [join(root, 'bin', 'quorate.js'), 'dev', '--json', ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, ...env },
  })
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`))
  })
  const revived: ChildProcess[] = []
  const stop = async (): Promise<void> => {
    await endAll(revived)
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await ended
    clearTimeout(timer)
  }
  try {
    const line = await firstLine(child, ended)
    return Object.assign(describe(line, revived), { startSeconds: (performance.now() - started) / 1000, stop })
  } catch (error) {
    await stop()
    throw error
  }
}

/** A set that somebody else started, and stops. @param file with the line that it printed */
export async function runningSet(file: string): Promise<RunningSet> {
  const line = JSON.parse(readFileSync(file, 'utf8')) as DevLine
  const revived: ChildProcess[] = []
  return Object.assign(describe(line, revived), { startSeconds: Number.NaN, stop: () => endAll(revived) })
}

async function endAll(children: readonly ChildProcess[]): Promise<void> {
  const running = children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
  const ended = running.map((child) => new Promise((resolve) => void child.once('exit', resolve)))
  // A stopped process does not hear SIGTERM.
  for (const child of running) for (const signal of ['SIGCONT', 'SIGTERM'] as const) child.kill(signal)
  await Promise.all(ended)
}

async function firstLine(child: ChildProcess, ended: Promise<string>): Promise<DevLine> {
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-4000)
  })
  let timer: NodeJS.Timeout | undefined
  try {
    return await new Promise<DevLine>((resolve, reject) => {
      const fail = (why: string): void => reject(new Error(`the set did not start: ${why}\n${said}`))
      timer = setTimeout(() => fail(`not ready after ${START_MS / 1000} s`), START_MS)
      void ended.then(fail)
      if (child.stdout === null) return fail('no standard output')
      createInterface({ input: child.stdout }).once('line', (line) => resolve(JSON.parse(line)))
    })
  } finally {
    clearTimeout(timer)
  }
}

/** @param revived gets the processes that we have started anew: `dev` knows nothing of them. */
function describe(line: DevLine, revived: ChildProcess[]) {
  const ca = readFileSync(line.ca, 'latin1')
  const client = { cert: readFileSync(line.client.cert, 'latin1'), key: readFileSync(line.client.key, 'latin1') }
  const { id, seed } = JSON.parse(readFileSync(line.credential, 'utf8')) as { readonly id: string; readonly seed: string }
  const der = Buffer.concat([ED25519_PKCS8, Buffer.from(seed, 'base64url')])
  const json = { 'content-type': 'application/json' }
  const pids = new Map([
    ['gateway', line.gateway_pid],
    ['coordinator', line.coordinator_pid],
    ...line.signers.map(({ index, pid }) => [`signer-${index}`, pid] as const),
  ])
  const get = async (path: string, origin = line.coordinator, connect: Agent.Options['connect'] = { ca, ...client }) => {
    const agent = new Agent({ connect, headersTimeout: METRICS_MS })
    try {
      return await (await agent.request({ origin, method: 'GET', path })).body.text()
    } finally {
      await agent.destroy()
    }
  }
  const metrics = async (host: string): Promise<string | undefined> => {
    try {
      if (host === 'coordinator') return await get('/metrics')
      if (host === 'gateway') return await get('/metrics', line.gateway, { ca })
      const signer = line.signers.find(({ index }) => host === `signer-${index}`)
      // A signer speaks to its coordinator only; its certificate is its own.
      const [cert, key] = ['tls.crt', 'tls.key'].map((name) => readFileSync(join(line.data, 'coordinator', name), 'latin1'))
      return await get('/metrics', signer?.url, { cert, key, rejectUnauthorized: false })
    } catch {
      return undefined
    }
  }
  return {
    line,
    get hosts(): readonly HostProcess[] {
      return [...pids].map(([name, pid]) => ({ name, pid }))
    },
    credential: { id, key: createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }) },
    connect: (to: 'coordinator' | 'gateway', connections: number): Pool =>
      new Pool(line[to], {
        connections,
        pipelining: 1,
        connect: to === 'coordinator' ? { ca, ...client } : { ca },
        headersTimeout: CALL_MS,
        bodyTimeout: CALL_MS,
        keepAliveTimeout: 60_000,
      }),
    headers: { coordinator: json, gateway: { ...json, authorization: `Bearer ${line.token}` } },
    metrics,
    state: async (): Promise<SetState> => JSON.parse(await get('/api/v1/set')) as SetState,
    signal: (signer: number, signal: NodeJS.Signals): void => {
      process.kill(pids.get(`signer-${signer}`) as number, signal)
    },
    revive: (signer: number): void => {
      const [program, ...rest] = line.signers.find((s) => s.index === signer)?.command ?? []
      if (program === undefined) throw new Error(`the set did not say how signer ${signer} is started`)
      const child = spawn(program, rest, { stdio: 'ignore' })
      revived.push(child)
      pids.set(`signer-${signer}`, child.pid as number)
    },
  }
}
