import { execFileSync } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { inKernel } from '../../../src/protocol/dkls23/kernel/kernel.ts'
import { type RvoleContext, RvoleReceiver, RvoleSender } from '../../../src/protocol/dkls23/rvole.ts'
import { type Rng, wipe } from '../../../src/protocol/engine/bytes.ts'
import { findLive } from '../../simulator/live-bytes.ts'
import { nativeCurves } from '../../simulator/world.ts'

interface Known {
  readonly ctx: string
  readonly psid: string
  readonly delta: string
  readonly seeds: string
  readonly seeds0: string
  readonly seeds1: string
  readonly bobDraws: readonly string[]
  readonly aliceDraws: readonly string[]
  readonly u: string
  readonly v: string
  readonly one: string
  readonly two: string
  readonly ofAlice: Readonly<Record<string, string>>
  readonly ofBob: Readonly<Record<string, string>>
}

// Hex, and a process of its own: as bytes in this process the secrets would find themselves.
const script = fileURLToPath(new URL('oracle/print-secrets.ts', import.meta.url))
const known = JSON.parse(execFileSync(process.execPath, [script], { encoding: 'utf8', maxBuffer: 1 << 24 })) as Known
const ofAlice = new Map(Object.entries(known.ofAlice))
const ofBob = new Map(Object.entries(known.ofBob))

/** Not from Node's pool of small buffers, which outlives what is in it. */
const fromHex = (hex: string): Uint8Array => Buffer.alloc(hex.length / 2).fill(hex, 'hex')

function draws(list: readonly string[]): Rng {
  let next = 0
  return (length) => {
    const drawn = fromHex(list[next++] as string)
    if (drawn.length !== length) throw new Error('asked for something else')
    return drawn
  }
}

const context = (): RvoleContext => ({
  group: nativeCurves.secp256k1,
  suite: 1,
  ctx: fromHex(known.ctx),
  sender: 1,
  receiver: 2,
  count: 1,
})

const senderSetup = () => ({ psid: fromHex(known.psid), delta: fromHex(known.delta), seeds: fromHex(known.seeds) })
const receiverSetup = () => ({ psid: fromHex(known.psid), seeds0: fromHex(known.seeds0), seeds1: fromHex(known.seeds1) })

describe('C-05, 14.7 memory: after wipe() no secret of a multiplication is alive in any buffer or WebAssembly memory', () => {
  it('nothing of them is alive before, and the search finds what is', () => {
    const all = new Map([...ofAlice, ...ofBob])
    expect(findLive(all)).toEqual([])
    const setup = senderSetup()
    expect(findLive(ofAlice)).toEqual(['delta', 'seed', 'last seed'])
    wipe(setup.delta, setup.seeds)
  })

  it('Alice, after her answer', () => {
    const setup = senderSetup()
    const alice = RvoleSender.accept(context(), setup, fromHex(known.one))
    expect(findLive(ofAlice).length).toBeGreaterThan(3)
    const inputs = [fromHex(known.u), fromHex(known.v)] as const
    const { message, cu, cv } = alice.answer([0], [inputs[0]], [inputs[1]], draws(known.aliceDraws))
    expect(Buffer.from(message).toString('hex')).toBe(known.two)
    alice.wipe()
    wipe(setup.delta, setup.seeds, ...inputs, ...cu, ...cv)
    expect(findLive(ofAlice)).toEqual([])
    expect(alice.peerNonce).toHaveLength(32) // alive until here
  })

  it('Alice, when the check has failed', () => {
    const setup = senderSetup()
    const wrong = fromHex(known.one)
    wrong[200] = (wrong[200] as number) ^ 1
    expect(() => RvoleSender.accept(context(), setup, wrong)).toThrow('OTE_CHECK')
    wipe(setup.delta, setup.seeds)
    expect(findLive(ofAlice)).toEqual([])
  })

  it('Bob, after he has got her answer', () => {
    const setup = receiverSetup()
    const bob = new RvoleReceiver(context(), setup, draws(known.bobDraws))
    expect(findLive(ofBob).length).toBeGreaterThan(3)
    expect(Buffer.from(bob.message).toString('hex')).toBe(known.one)
    const { du, dv } = bob.finish(fromHex(known.two), [0])
    bob.wipe()
    wipe(setup.seeds0, setup.seeds1, ...du, ...dv)
    expect(findLive(ofBob)).toEqual([])
    expect(bob.nonce).toHaveLength(32)
  })

  it('Bob, when the check has failed, and without any answer', () => {
    for (const wrong of [true, false]) {
      const setup = receiverSetup()
      const bob = new RvoleReceiver(context(), setup, draws(known.bobDraws))
      const two = fromHex(known.two)
      two[two.length - 1] = (two[two.length - 1] as number) ^ 1
      if (wrong) expect(() => bob.finish(two, [0])).toThrow('RVOLE_CHECK')
      bob.wipe()
      wipe(setup.seeds0, setup.seeds1)
      expect(findLive(ofBob)).toEqual([])
      expect(bob.nonce).toHaveLength(32)
    }
  })
})

describe('C-05, 14.7 memory: the kernel', () => {
  /** Its memory after a whole multiplication with these secrets, under the same nonces, set-up name and session. */
  const memoryAfter = (delta: Uint8Array, choices: Uint8Array, input: Uint8Array): Uint8Array => {
    const receiver = { ...receiverSetup(), psid: fromHex(known.psid) }
    const { seeds0, seeds1 } = receiver
    const seeds = seeds1.map((byte, at) => (((delta[at >> 7] as number) >> ((at >> 4) & 7)) & 1 ? (seeds0[at] as number) : byte))
    const [nonceB, nonceA, hat] = [known.bobDraws[0], known.aliceDraws[0], known.aliceDraws[1]] as readonly string[] as [
      string,
      string,
      string,
    ]
    const bob = new RvoleReceiver(context(), receiver, draws([nonceB, Buffer.from(choices).toString('hex')]))
    const alice = RvoleSender.accept(context(), { psid: receiver.psid, delta, seeds }, bob.message)
    bob.finish(alice.answer([0], [input], [input], draws([nonceA, hat])).message, [0])
    return inKernel(0, ({ exports }) => new Uint8Array(exports.memory.buffer).slice())
  }

  it('holds the same bytes afterwards whatever the secrets were, but for what was sent and a hash of what was sent', () => {
    const one = new Uint8Array(32)
    one[31] = 1
    const [low, high] = [
      memoryAfter(new Uint8Array(16).fill(1), new Uint8Array(68), one),
      memoryAfter(new Uint8Array(16).fill(0xa5), new Uint8Array(68).fill(0x5a), fromHex(known.u)),
    ] as const
    // The stream of the check's coefficients is made 128 bytes at a time.
    const sent = inKernel(0, ({ exports: { CHI, TRANSFERS } }) => [
      { from: CHI.value, to: CHI.value + 128 },
      { from: TRANSFERS.value, to: TRANSFERS.value + 416 * 96 },
    ])
    const places = Array.from(low.keys()).filter((at) => low[at] !== high[at])
    expect(places.filter((at) => !sent.some(({ from, to }) => at >= from && at < to))).toEqual([])
    expect(places.length).toBeGreaterThan(416 * 48)
  })
})
