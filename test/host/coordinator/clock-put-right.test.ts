import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import type { SignerState } from '../../../src/actors/signer-monitor.ts'
import { KeyDelivery } from '../../../src/host/coordinator/key-delivery.ts'
import { KeyUpdates } from '../../../src/host/coordinator/key-updates.ts'
import { signerNames } from '../../../src/host/coordinator/signer-names.ts'
import { upkeep } from '../../../src/host/coordinator/upkeep.ts'
import type { CoordinatorStore, OpenUpdate } from '../../../src/host/store/coordinator-store.ts'
import { makeRoster } from '../../../src/protocol/channel/roster.ts'
import { nobleCurves } from '../../../src/protocol/curve/noble-curves.ts'

const HOUR = 3_600_000
const log = pino({ level: 'silent' })
const member = (id: number) => ({
  id,
  signKey: nobleCurves.ed25519PublicKey(new Uint8Array(32).fill(id)),
  exchangeKey: nobleCurves.x25519PublicKey(new Uint8Array(32).fill(id)),
  tlsFingerprint: new Uint8Array(32).fill(id),
})
const roster = makeRoster(1, [1, 2, 3].map(member))
const names = signerNames([1, 2, 3].map((index) => ({ index, name: `signer-${index}`, url: '', tlsFingerprint: '' })))
const links = new Map(
  [1, 2, 3].map((id) => [id, { id, send: async () => await Promise.reject(new Error('unreachable')) }] as const),
)
const monitor = { up: () => [1, 2, 3] }

interface Times {
  now: number
  /** When it was done. */
  readonly done: number[]
}

/** Something that a heartbeat sets off and that fails, or finds its signer away: `beat` is one heartbeat of signer 1. */
type Subject = (times: Times) => () => Promise<void>

const rebuilding: Subject = (times) => {
  const state: SignerState = {
    id: 1,
    up: true,
    since: 0,
    rttMs: 1,
    heardAt: 0,
    status: null,
    foreign: false,
    returnedAt: null,
    lostAt: null,
  }
  const beat = upkeep({
    links,
    monitor,
    engines: { hmSet: () => null },
    prss: { ensure: async () => undefined },
    delivery: {
      settle: async () => undefined,
      rebuild: async () => {
        times.done.push(times.now)
        throw new Error('does not answer')
      },
    },
    updates: { settle: async () => undefined },
    names,
    threshold: 2,
    now: () => times.now,
    log,
  })
  return async () => {
    beat(state)
    // Rebuilding runs beside the heartbeat.
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const delivering: Subject = (times) => {
  const keyId = new Uint8Array(32).fill(7)
  const store = { undelivered: () => [{ keyId, signers: [1] }], getKey: () => undefined } as unknown as CoordinatorStore
  const delivery = new KeyDelivery({
    links: new Map([...links].map(([id, link]) => [id, { ...link, send: () => asked(id, times, link.send) }])),
    monitor,
    directory: {} as never,
    store,
    roster,
    curves: nobleCurves,
    now: () => times.now,
    log,
  })
  return async () => await delivery.settle(1, [])
}

const updating: Subject = (times) => {
  const keyId = new Uint8Array(32).fill(7)
  const open: OpenUpdate = {
    keyId,
    requestId: 'req_open',
    document: new Uint8Array(8),
    credentialId: 'cred_alice',
    alg: 'ed25519',
    signature: new Uint8Array(64),
    expiresAt: 2 * HOUR,
  }
  const updates = new KeyUpdates({
    links: new Map([...links].map(([id, link]) => [id, { ...link, send: () => asked(id, times, link.send) }])),
    directory: {} as never,
    store: { openUpdates: () => [open] } as unknown as CoordinatorStore,
    roster,
    curves: nobleCurves,
    names,
    now: () => times.now,
    timeoutMs: 100,
    log,
  })
  return async () => await updates.settle(1)
}

async function asked(id: number, times: Times, send: () => Promise<never>): Promise<never> {
  if (id === 1) times.done.push(times.now)
  return await send()
}

describe.each<[string, Subject, number]>([
  ['rebuilding the directory', rebuilding, 5_000],
  ['finishing keys', delivering, 10_000],
  ['bringing key updates', updating, 1_000],
])('%s, which failed', (_name, subject, againMs) => {
  it('is tried again after a while, and not at every heartbeat', async () => {
    const times: Times = { now: HOUR, done: [] }
    const beat = subject(times)
    for (const later of [0, 1, againMs - 1, againMs, againMs + 1, 2 * againMs - 1, 2 * againMs]) {
      times.now = HOUR + later
      await beat()
    }
    expect(times.done.map((t) => t - HOUR)).toEqual([0, againMs, 2 * againMs])
  })

  it('is not put off by a clock that was ahead at the time and is put right', async () => {
    const times: Times = { now: 2 * HOUR, done: [] }
    const beat = subject(times)
    await beat()
    times.now = HOUR
    await beat()
    expect(times.done).toEqual([2 * HOUR, HOUR])
    times.now = HOUR + 1
    await beat()
    expect(times.done).toHaveLength(2)
  })
})
