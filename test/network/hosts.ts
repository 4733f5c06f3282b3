import { join } from 'node:path'
import { pino } from 'pino'
import type { SignerLink } from '../../src/actors/round.ts'
import { readIdentityFile } from '../../src/host/config/identity-file.ts'
import { loadConfig } from '../../src/host/config/load-config.ts'
import { readSources } from '../../src/host/config/sources.ts'
import { startCoordinator } from '../../src/host/roles/coordinator.ts'
import { fromHex } from '../../src/protocol/engine/bytes.ts'
import { parseKeyId } from '../../src/protocol/request/ids.ts'
import { type DevSet, startDevSet, until } from '../e2e/dev-set.ts'
import { expectValid, payloadOf } from '../e2e/verify.ts'
import { inProcessSet } from '../host/set/in-process-set.ts'
import { isValid, type Scheme, sign, someMessage, type TestKey } from '../host/set/signing-keys.ts'
import { until as soon } from '../host/set/until.ts'
import { nativeCurves, type World } from '../simulator/world.ts'
import { MutatingNetwork } from './mutating-network.ts'

/** How a request ended: with a key or a signature that independent code accepts, or with a problem. */
export interface Ending {
  readonly code: string
  /** Names of hosts. */
  readonly culprits: readonly string[]
  /** Everything that was said about it. */
  readonly text: string
}
export const WELL = 'well'

/** A key, as `makeKey` of the same hosts gave it. */
// biome-ignore lint/suspicious/noExplicitAny: each kind of hosts has its own.
type Key = any

/** Signers and a coordinator that are real, with a mutating network between them. */
export interface Hosts {
  readonly network: MutatingNetwork
  /** All keys of all signers: what a malicious one of them signs with. */
  readonly world: World
  readonly makeKey: (scheme: Scheme) => Promise<{ readonly ending: Ending; readonly key?: Key }>
  /** @throws when a signature comes that is not valid. */
  readonly sign: (key: Key) => Promise<Ending>
  readonly allUp: () => Promise<unknown>
  readonly close: () => Promise<unknown>
}

const well: Ending = { code: WELL, culprits: [], text: '' }

/** A set in this process. */
export async function hostsInProcess(): Promise<Hosts> {
  const set = await inProcessSet()
  const network = new MutatingNetwork()
  set.hooks.tamper = network.exchange
  const ended = (error: unknown): Ending => {
    const { code, culprits = [] } = error as { readonly code?: string; readonly culprits?: readonly string[] }
    if (code === undefined) throw error
    return { code, culprits, text: `${error} ${JSON.stringify(error)}` }
  }
  return {
    network,
    world: { seed: 'hosts', curves: set.curves, roster: set.roster, identities: new Map(set.identities.map((i) => [i.id, i])) },
    makeKey: async (scheme) => {
      try {
        const view = await set.service.createKey(set.request('cred_alice', set.keygen(scheme)), set.client)
        const keyId = parseKeyId(view.id) as Uint8Array
        const key: TestKey = { scheme, id: view.id, keyId, publicKey: fromHex(view.publicKey.slice(2)) }
        return { ending: well, key }
      } catch (error) {
        return { ending: ended(error) }
      }
    },
    sign: async (key: TestKey) => {
      const message = someMessage()
      const end = await sign(set, key, message).catch(ended)
      if ('text' in end) return end
      if (!isValid(key, message, end.signature)) throw new Error('a wrong signature')
      return well
    },
    allUp: () => soon('all up', () => set.monitor.up().length === 3),
    close: async () => set.close(),
  }
}

/**
 * Processes of their own for gateway and signers, over mutual TLS. The coordinator's process is killed and its role runs here instead, with
 * the same keys, port and store, since signers talk to nobody else: an ordinary coordinator on a bad network.
 */
export async function hostsOverTls(): Promise<Hosts> {
  const set = await startDevSet()
  const network = new MutatingNetwork()
  try {
    const coordinator = await takeOver(set, (link) => network.through(link))
    const ended = async (
      path: string,
      body: object,
    ): Promise<Ending & { readonly body: Awaited<ReturnType<DevSet['call']>>['body'] }> => {
      const { status, body: answer } = await set.call('POST', path, body)
      if (status === 200 || status === 201) return { ...well, body: answer }
      return { code: String(answer.code), culprits: answer.culprits ?? [], text: JSON.stringify(answer), body: answer }
    }
    const identities = set.line.signers.map(({ name }) => readIdentityFile(join(set.line.data, name, 'identity.key')))
    return {
      network,
      world: {
        seed: 'hosts',
        curves: nativeCurves,
        roster: coordinator.roster,
        identities: new Map(identities.map((i) => [i.id, i])),
      },
      makeKey: async (scheme) => {
        const { body, ...ending } = await ended('/api/v1/keys', { scheme })
        return { ending, ...(ending.code === WELL && { key: body }) }
      },
      sign: async (key) => {
        const message = someMessage()
        const { body, ...ending } = await ended('/api/v1/sign', { key_id: key.id, payload: payloadOf(key.scheme, message) })
        if (ending.code === WELL) expectValid(key, message, body.signature)
        return ending
      },
      allUp: () =>
        until('all up', 15_000, async () => ((await set.call('GET', '/api/v1/set')).body?.quorum === 'full' ? true : undefined)),
      close: async () => {
        await coordinator.close()
        return await set.stop()
      },
    }
  } catch (error) {
    await set.stop()
    throw error
  }
}

async function takeOver(set: DevSet, network: (link: SignerLink) => SignerLink) {
  process.kill(set.line.coordinator_pid, 'SIGKILL')
  // hm only: what is done to it must show, and not be made good by the other engine.
  const config = {
    ...loadConfig('coordinator', readSources({}, join(set.line.data, 'coordinator', 'host.env'))),
    ecdsaEngines: ['hm'] as const,
  }
  const log = pino({ level: 'silent' })
  const { close } = await until('the port and the store are free', 5_000, () =>
    startCoordinator(config, log, network).catch(() => undefined),
  )
  return { roster: config.roster.roster, close }
}
