import { execFileSync } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { PairSecret } from '../../../src/protocol/dkls23/pair-record.ts'
import { sign } from '../../../src/protocol/dkls23/sign.ts'
import { wipe } from '../../../src/protocol/engine/bytes.ts'
import type { Incoming } from '../../../src/protocol/engine/round.ts'
import { findLive } from '../../simulator/live-bytes.ts'
import { makeWorld, nativeCurves } from '../../simulator/world.ts'

type Hexed<T> = { readonly [K in keyof T]: T[K] extends Uint8Array ? string : Hexed<T[K]> }

interface Known {
  readonly session: string
  readonly instance: string
  readonly digest: string
  readonly publicKey: string
  readonly share: string
  readonly verifyingShares: readonly (readonly [number, string])[]
  readonly pairs: readonly (Hexed<Omit<PairSecret, 'pairId'>> & { readonly peer: number })[]
  readonly draws: readonly string[]
  readonly first: readonly (readonly [number, string, string])[]
  readonly second: readonly (readonly [number, string])[]
  readonly answer: string
  readonly secrets: Readonly<Record<string, string>>
}

// Hex, and a process of its own: as bytes in this process the secrets would find themselves.
const script = fileURLToPath(new URL('oracle/print-signing-secrets.ts', import.meta.url))
const known = JSON.parse(execFileSync(process.execPath, [script], { encoding: 'utf8', maxBuffer: 1 << 24 })) as Known
const secrets = new Map(Object.entries(known.secrets))

/** Not from Node's pool of small buffers, which outlives what is in it. */
const fromHex = (hex: string): Uint8Array => Buffer.alloc(hex.length / 2).fill(hex, 'hex')

const roster = makeWorld({ ids: 3, seed: 'memory of a signer' }).roster

/** Signer 1 of three, on inputs that a host would hold, and the host's wiping of them. */
function signer() {
  const share = fromHex(known.share)
  const pairs = new Map(
    known.pairs.map(({ peer, sender, receiver, zseed }): [number, PairSecret] => [
      peer,
      {
        pairId: new Uint8Array(32),
        sender: { psid: fromHex(sender.psid), delta: fromHex(sender.delta), seeds: fromHex(sender.seeds) },
        receiver: { psid: fromHex(receiver.psid), seeds0: fromHex(receiver.seeds0), seeds1: fromHex(receiver.seeds1) },
        zseed: fromHex(zseed),
      },
    ]),
  )
  let next = 0
  const rng = (length: number): Uint8Array => {
    const drawn = fromHex(known.draws[next++] as string)
    if (drawn.length !== length) throw new Error('asked for something else')
    return drawn
  }
  const unused = (): never => {
    throw new Error('a signing script needs no transcript and no evidence')
  }
  const item = { instance: fromHex(known.instance), input: fromHex(known.digest), publicKey: fromHex(known.publicKey) }
  const verifyingShares = new Map(known.verifyingShares.map(([id, point]) => [id, fromHex(point)]))
  const env = { self: 1, parties: [1, 2, 3], threshold: 3, sessionId: fromHex(known.session), roster, rng, curves: nativeCurves }
  const items = [{ item, share, verifyingShares }]
  return {
    run: sign({ ...env, transcript: unused, evidence: unused }, { suite: 1, pairs, items }),
    wipeInputs: () => {
      wipe(share)
      for (const { sender, receiver, zseed } of pairs.values()) {
        wipe(sender.delta, sender.seeds, receiver.seeds0, receiver.seeds1, zseed)
      }
    },
  }
}

const first = (): ReadonlyMap<number, Incoming> =>
  new Map(known.first.map(([from, broadcast, direct]) => [from, { broadcast: fromHex(broadcast), direct: fromHex(direct) }]))
const second = (change: (body: Uint8Array) => void = () => {}): ReadonlyMap<number, Incoming> =>
  new Map(
    known.second.map(([from, body]) => {
      const direct = fromHex(body)
      if (from === 3) change(direct)
      return [from, { direct }]
    }),
  )

describe('C-05, 14.7 memory: when a signing script has ended, no secret of it is alive in any buffer or WebAssembly memory', () => {
  it('done', () => {
    expect(findLive(secrets)).toEqual([])
    const { run, wipeInputs } = signer()
    run.next(new Map())
    expect(findLive(secrets)).toEqual(expect.arrayContaining(['share', 'r', 'phi', 'choices, peer 2', 'b, peer 3']))
    run.next(first())
    const received = second()
    expect(findLive(secrets)).toEqual(expect.arrayContaining(['sk', 'c of u, peer 2', 'c of v, peer 3', 'psi, peer 2']))
    const answered = run.next(received)
    expect(answered.done).toBe(false)
    if (!answered.done) expect(Buffer.from(answered.value.assembler ?? []).toString('hex')).toBe(known.answer)
    expect(run.next(new Map()).done).toBe(true)
    wipeInputs()
    expect(findLive(secrets)).toEqual([])
    expect([run.next(new Map()).done, received.size]).toEqual([true, 2]) // alive until here
  })

  it('stopped after each round', () => {
    for (const inboxes of [[], [first], [first, second]]) {
      const { run, wipeInputs } = signer()
      run.next(new Map())
      for (const inbox of inboxes) run.next(inbox())
      run.return({ present: [] })
      wipeInputs()
      expect(findLive(secrets)).toEqual([])
      expect(run.next(new Map()).done).toBe(true)
    }
  })

  it('failed by a check of round 2', () => {
    const { run, wipeInputs } = signer()
    run.next(new Map())
    run.next(first())
    // A bit inside the transfers of signer 3.
    const lie = second((body) => body.fill((body[1000] as number) ^ 1, 1000, 1001))
    expect(() => run.next(lie)).toThrow(/RVOLE_CHECK|EC_CHECK|SIGN_MALFORMED/)
    wipeInputs()
    expect(findLive(secrets)).toEqual([])
    expect(run.next(new Map()).done).toBe(true)
  })
})
