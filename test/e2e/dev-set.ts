import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Agent, request } from 'undici'

const PROGRAM = fileURLToPath(new URL('../../bin/quorate.js', import.meta.url))

/** The JSON line of `quorate dev --ephemeral --json` (design: api.md "Starting it"). */
interface DevLine {
  readonly gateway: string
  readonly coordinator: string
  readonly ca: string
  readonly token: string
  readonly client: { readonly cert: string; readonly key: string }
  readonly credential: string
  readonly signers: readonly {
    readonly index: number
    readonly name: string
    readonly pid: number
    readonly url: string
    readonly command: readonly string[]
  }[]
  readonly coordinator_pid: number
  readonly gateway_pid: number
  readonly data: string
}

export interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: a test reads JSON as it comes.
  readonly body: any
}

/** A running set: five real processes, real TLS, real stores. */
export interface DevSet {
  readonly line: DevLine
  readonly call: (
    method: 'GET' | 'POST' | 'PATCH',
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Answer>
  /** The coordinator form, with the client certificate. */
  readonly coordinator: (method: 'GET' | 'POST', path: string, body?: unknown) => Promise<Answer>
  /** What a host says at /metrics, read by whom it lets read: the coordinator by clients, signers by the coordinator. */
  readonly metrics: (host: string) => Promise<string>
  readonly pidOf: (index: number) => number
  readonly signal: (index: number, signal: NodeJS.Signals) => void
  /** Starts a killed signer again, by the command that the JSON line gives. */
  readonly revive: (index: number) => void
  readonly reviveHost: (role: 'coordinator' | 'gateway') => void
  readonly stop: () => Promise<number | null>
}

const until = async <T>(what: string, ms: number, look: () => Promise<T | undefined> | T | undefined): Promise<T> => {
  const end = performance.now() + ms
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

export { until }

export async function startDevSet(args: readonly string[] = []): Promise<DevSet> {
  const dev = spawn(process.execPath, [PROGRAM, 'dev', '--ephemeral', '--json', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  dev.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString()
  })
  dev.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString()
  })
  const text = await until('the JSON line', 60_000, () => {
    if (dev.exitCode !== null) throw new Error(`dev ended with ${dev.exitCode}: ${err}`)
    return out.includes('\n') ? out : undefined
  })
  const line = JSON.parse(text) as DevLine
  const ca = readFileSync(line.ca)
  const users = new Agent({ connect: { ca }, connections: 64 })
  const clients = new Agent({
    connect: { ca, cert: readFileSync(line.client.cert), key: readFileSync(line.client.key) },
    connections: 64,
  })
  const pem = (name: string): Buffer => readFileSync(join(line.data, 'coordinator', name))
  const peers = new Agent({ connect: { cert: pem('tls.crt'), key: pem('tls.key'), rejectUnauthorized: false } })
  const metrics = async (host: string): Promise<string> => {
    const signer = line.signers.find(({ name }) => name === host)
    const base = signer?.url ?? (host === 'gateway' ? line.gateway : line.coordinator)
    const dispatcher = signer !== undefined ? peers : host === 'gateway' ? users : clients
    return await (await request(`${base}/metrics`, { dispatcher })).body.text()
  }
  const revived = new Map<number | string, ChildProcess>()
  const pids = new Map(line.signers.map((s) => [s.index, s.pid]))

  const caller =
    (base: string, dispatcher: Agent, headers: Record<string, string>) =>
    async (
      method: 'GET' | 'POST' | 'PATCH',
      path: string,
      body?: unknown,
      more: Record<string, string> = {},
    ): Promise<Answer> => {
      const answer = await request(`${base}${path}`, {
        dispatcher,
        method,
        headers: { ...headers, ...more, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        body: body === undefined ? null : JSON.stringify(body),
      })
      const raw = await answer.body.text()
      return { status: answer.statusCode, body: raw === '' ? undefined : JSON.parse(raw) }
    }

  const respawn = (name: number | string, command: readonly string[]): number => {
    const [program, ...rest] = command as [string, ...string[]]
    const child = spawn(program, rest, { stdio: 'ignore' })
    revived.set(name, child)
    return child.pid as number
  }
  return {
    line,
    call: caller(line.gateway, users, { authorization: `Bearer ${line.token}` }),
    coordinator: caller(line.coordinator, clients, {}),
    metrics,
    pidOf: (index) => pids.get(index) as number,
    signal: (index, signal) => process.kill(pids.get(index) as number, signal),
    revive: (index) => {
      const signer = line.signers.find((s) => s.index === index)
      pids.set(index, respawn(index, signer?.command ?? []))
    },
    reviveHost: (role) => {
      const command = line.signers[0]?.command ?? []
      respawn(
        role,
        command.map((part) => (part === 'signer' ? role : part.replace(/signer-1/, role))),
      )
    },
    stop: async () => {
      for (const child of revived.values()) child.kill('SIGTERM')
      await Promise.all(
        [...revived.values()].map((c) =>
          c.exitCode !== null || c.signalCode !== null ? undefined : new Promise((r) => c.once('exit', r)),
        ),
      )
      await users.destroy()
      await clients.destroy()
      await peers.destroy()
      dev.kill('SIGTERM')
      return await new Promise((resolve) => (dev.exitCode !== null ? resolve(dev.exitCode) : dev.once('exit', resolve)))
    },
  }
}
