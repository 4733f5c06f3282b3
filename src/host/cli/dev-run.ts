import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import type { Values } from '../config/setting.ts'
import type { DEV } from '../config/settings.ts'
import { type StopReason, stopRequest } from '../stop-request.ts'
import { type ApiClient, createApiClient } from './api-client.ts'
import { ensureDevKeys } from './dev-keys.ts'
import { assertFree, freePorts } from './dev-ports.ts'
import { type HostProcess, logTail, startHostProcess } from './dev-process.ts'
import { type SetState, whenReady } from './dev-ready.ts'
import { type DevPorts, type DevSet, lockDevSet, writeDevSet } from './dev-set.ts'
import { shellCommand } from './shell.ts'

export interface DevSettings extends Values<typeof DEV> {
  /** Free ports, and a directory that is removed at the end. */
  readonly ephemeral: boolean
}

/** A set that is up. */
export interface RunningSet {
  readonly set: DevSet
  readonly state: SetState
  readonly gateway: HostProcess
  readonly coordinator: HostProcess
  readonly signers: readonly HostProcess[]
  readonly api: ApiClient
  /** Resolves when this process is asked to end. */
  readonly stopped: Promise<StopReason>
}

const READY_MS = 60_000

/** For people; standard output belongs to the result. */
export const say = (text: string): void => console.error(text)

/** Starts a set, runs `use` with it, and stops everything however `use` ends. */
export async function withDevSet<T>(settings: DevSettings, use: (running: RunningSet) => Promise<T>): Promise<T> {
  const stopped = stopRequest()
  const dataDir = settings.ephemeral ? mkdtempSync(join(tmpdir(), 'quorate-')) : resolve(settings.QUORATE_DATA)
  const cleanUp: (() => unknown)[] = []
  try {
    if (settings.ephemeral) cleanUp.push(() => rmSync(dataDir, { recursive: true, force: true }))
    const { threshold, parties } = settings.QUORATE_SET
    const ports = await choosePorts(settings, parties)
    const rosterHash = await ensureDevKeys(dataDir, threshold, parties)
    cleanUp.push(lockDevSet(dataDir).unlock)
    const { QUORATE_LOG_LEVEL: logLevel, QUORATE_CURVE: curve } = settings
    const set = await writeDevSet({ dataDir, threshold, parties, rosterHash, ports, logLevel, curve })
    say(`starting gateway, coordinator and ${parties} signers in ${shownPath(dataDir)}`)
    say('warning: a set for development. All shares are on this machine, and its credentials may sign bare digests.')

    const hosts = superviseHosts(set)
    cleanUp.push(hosts.stop)
    const api = createApiClient({ url: set.gateway.url, caFile: set.caFile, tokenFile: set.tokenFile })
    cleanUp.push(api.close)
    const interrupted = stopped.then((reason): never => {
      throw new Error(`stopped (${reason}) before the set was ready`)
    })
    const state = await untilReady(api, Promise.race([hosts.failure, interrupted]), dataDir)
    hosts.ready()
    return await use({ set, state, ...hosts, api, stopped })
  } finally {
    for (const step of cleanUp.reverse()) await step()
  }
}

/** As a person in the working directory would say it. */
export function shownPath(path: string): string {
  const near = relative('', path)
  return near === '' || near.startsWith('..') ? path : near
}

async function choosePorts(settings: DevSettings, parties: number): Promise<DevPorts> {
  if (settings.ephemeral) {
    const [gateway, coordinator, ...signers] = (await freePorts(parties + 2)) as [number, number, ...number[]]
    return { gateway, coordinator, signers }
  }
  const { QUORATE_GATEWAY_PORT: gateway, QUORATE_COORDINATOR_PORT: coordinator, QUORATE_SIGNER_PORT: first } = settings
  const signers = Array.from({ length: parties }, (_, i) => first + i)
  const all = [
    { port: gateway, owner: 'gateway', setting: 'QUORATE_GATEWAY_PORT' },
    { port: coordinator, owner: 'coordinator', setting: 'QUORATE_COORDINATOR_PORT' },
    ...signers.map((port, i) => ({ port, owner: `signer-${i + 1}`, setting: 'QUORATE_SIGNER_PORT' })),
  ]
  const twice = all.find(({ port }, i) => all.findIndex((entry) => entry.port === port) !== i)
  if (twice !== undefined) throw new Error(`port ${twice.port} is set for two hosts; see ${twice.setting}`)
  await assertFree(all)
  return { gateway, coordinator, signers }
}

/**
 * Starts every host and watches it. One that ends before the set is ready is a failure; one that dies later is reported and left
 * dead: how the others do without it is what a developer wants to see.
 */
function superviseHosts(set: DevSet) {
  const signers = set.signers.map(startHostProcess)
  const coordinator = startHostProcess(set.coordinator)
  const gateway = startHostProcess(set.gateway)
  const all = [gateway, coordinator, ...signers]
  let phase: 'starting' | 'ready' | 'stopping' = 'starting'
  const failure = new Promise<never>((_, reject) => {
    for (const { host, pid, ended, command } of all) {
      void ended.then((how) => {
        if (phase === 'starting')
          reject(new Error(`${host.name} did not start (${how}). Its log, ${host.logFile}, ends with\n${logTail(host)}`))
        if (phase === 'ready') say(`${host.name} (pid ${pid}) ended: ${how}. To start it again: ${shellCommand(command)}`)
      })
    }
  })
  return {
    gateway,
    coordinator,
    signers,
    failure,
    ready: () => {
      phase = 'ready'
    },
    stop: async () => {
      phase = 'stopping'
      await Promise.all(all.map((host) => host.stop()))
    },
  }
}

async function untilReady(api: ApiClient, failure: Promise<never>, dataDir: string): Promise<SetState> {
  const late = AbortSignal.timeout(READY_MS)
  const over = new AbortController()
  try {
    const progress = (connected: number, of: number): void => say(`signers connected ${connected}/${of}`)
    return await Promise.race([failure, whenReady(api, AbortSignal.any([late, over.signal]), progress)])
  } catch (error) {
    throw late.aborted ? new Error(`not ready after ${READY_MS / 1000} s; the logs are ${join(dataDir, '*', 'host.log')}`) : error
  } finally {
    over.abort()
  }
}
