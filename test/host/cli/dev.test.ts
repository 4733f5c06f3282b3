import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { assertFree, freePorts } from '../../../src/host/cli/dev-ports.ts'
import { isAlive, LAUNCHER, quorate, type Run, start, until } from '../process.ts'
import { temporaryDirectory } from '../temporary.ts'

interface Line {
  readonly gateway: string
  readonly coordinator: string
  readonly ca: string
  readonly token: string
  readonly client: { readonly cert: string; readonly key: string }
  readonly credential: string
  readonly signers: readonly {
    readonly index: number
    readonly pid: number
    readonly url: string
    readonly command: readonly string[]
  }[]
  readonly coordinator_pid: number
  readonly gateway_pid: number
  readonly data: string
}

const pidsOf = (line: Line): readonly number[] => [
  line.gateway_pid,
  line.coordinator_pid,
  ...line.signers.map((signer) => signer.pid),
]

async function startDev(): Promise<{ readonly run: Run; readonly line: Line }> {
  const run = start([LAUNCHER, 'dev', '--ephemeral', '--json'])
  const text = await until(() => run.out().includes('\n') && run.out(), 60_000)
  const line = JSON.parse(text) as Line
  onTestFinished(() => {
    for (const pid of pidsOf(line)) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  })
  return { run, line }
}

describe('quorate dev --ephemeral --json', () => {
  it('tells in one line how to use the set, and leaves nothing behind', async () => {
    const { run, line } = await startDev()
    expect(line.gateway).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/)
    expect(line.coordinator).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/)
    expect(line.signers.map((signer) => signer.index)).toEqual([1, 2, 3])
    expect(new Set(pidsOf(line)).size).toBe(5)
    expect(pidsOf(line).every(isAlive)).toBe(true)
    for (const file of [line.ca, line.client.cert, line.client.key, line.credential]) expect(existsSync(file), file).toBe(true)
    expect(line.token.split('.')).toHaveLength(3)
    expect(run.err()).toContain('signers connected 3/3')
    expect(run.err()).toMatch(/warning: .*digests/)

    // A dead host is reported and nothing else ends; how to start it again is said.
    const [, second] = line.signers
    process.kill(second?.pid ?? 0, 'SIGKILL')
    await until(() => run.err().includes(`signer-2 (pid ${second?.pid}) ended: SIGKILL`))
    expect(run.err()).toContain((second?.command ?? []).join(' '))
    expect(pidsOf(line).filter(isAlive)).toHaveLength(4)

    run.child.kill('SIGTERM')
    expect(await run.ended).toBe(0)
    expect(run.out().trimEnd().split('\n')).toHaveLength(1)
    expect(pidsOf(line).filter(isAlive)).toEqual([])
    expect(existsSync(line.data)).toBe(false)
  })

  it('takes its hosts with it when it is killed', async () => {
    const { run, line } = await startDev()
    run.child.kill('SIGKILL')
    await run.ended
    await until(() => !pidsOf(line).some(isAlive), 10_000)
  })
})

describe('quorate start', () => {
  it('makes keys once, signs each time, and keeps to its set', async () => {
    const dir = temporaryDirectory()
    const [gateway, coordinator] = (await freePorts(2)) as [number, number]
    const signer = await threeInARow()
    const env = {
      QUORATE_DATA: join(dir, 'set'),
      QUORATE_GATEWAY_PORT: String(gateway),
      QUORATE_COORDINATOR_PORT: String(coordinator),
      QUORATE_SIGNER_PORT: String(signer),
    }
    const first = await quorate(['start', '--once'], env)
    expect(first.err).toContain('signers connected 3/3')
    expect(first.code).toBe(0)
    expect(first.out).toContain('signers connected 3/3, threshold 2/3')
    expect(first.out).toContain(`${process.platform} ${process.arch}, Node ${process.versions.node}, native curves`)
    expect(first.out.match(/new key {3}key_[0-9a-f]{64}/g)).toHaveLength(4)
    expect(first.out.match(/verified; engine (hm|frost)/g)).toHaveLength(4)

    const second = await quorate(['start', '--once'], env)
    expect(second.code).toBe(0)
    expect(second.out).not.toContain('new key')
    const keys = (text: string) => text.match(/key_[0-9a-f]{64}/g)
    expect(keys(second.out)).toEqual(keys(first.out))

    const other = await quorate(['start', '--once', '--set', '2-of-2'], env)
    expect(other.code).toBe(1)
    expect(other.err).toContain('holds a set of 2-of-3, asked for is 2-of-2')

    const server = createServer()
    onTestFinished(() => void server.close())
    await new Promise<void>((resolve) => server.listen(coordinator, '127.0.0.1', resolve))
    const busy = await quorate(['dev'], env)
    expect(busy.code).toBe(1)
    expect(busy.err).toContain(`port ${coordinator} (coordinator, QUORATE_COORDINATOR_PORT)`)

    // The shell's settings are the set's; hosts take theirs from their own files alone.
    expect(readFileSync(join(dir, 'set', 'gateway', 'host.env'), 'utf8')).toContain(`QUORATE_PORT=${gateway}`)
  })

  it('ends when asked while it starts, with its hosts', async () => {
    const run = start([LAUNCHER, 'start', '--ephemeral'])
    await until(() => run.err().includes('starting'))
    run.child.kill('SIGINT')
    expect(await run.ended).toBe(1)
    expect(run.err()).toContain('stopped (SIGINT) before the set was ready')
  })
})

/** The first of three free ports in a row. */
async function threeInARow(): Promise<number> {
  for (;;) {
    const [port] = (await freePorts(1)) as [number]
    const free = await assertFree([1, 2].map((i) => ({ port: port + i, owner: '', setting: '' }))).then(
      () => true,
      () => false,
    )
    if (free) return port
  }
}
