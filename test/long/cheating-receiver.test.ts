import { describe, expect, it } from 'vitest'
import type { ReceiverSetup, SenderSetup } from '../../src/protocol/dkls23/pair-record.ts'
import { type RvoleContext, RvoleReceiver, RvoleSender } from '../../src/protocol/dkls23/rvole.ts'
import { Fault } from '../../src/protocol/engine/fault.ts'
import { bitOf, dealtDirection } from '../protocol/dkls23/dealt-pair.ts'
import { pick, seededRng } from '../simulator/seeded-rng.ts'
import { nativeCurves } from '../simulator/world.ts'

const SESSIONS = 10_000
const ROWS = 128
const rng = seededRng('cheating receiver')

/**
 * A receiver that lies in some rows: with another seed in place of seed_{i,0} it masks other choices in row i than in the rest, and its X and t are
 * right for what it sent. This is the guess "bit i of Delta is 0" of protocols.md 0.1.
 */
function guessing(setup: ReceiverSetup, rows: readonly number[]): ReceiverSetup {
  const seeds0 = Uint8Array.from(setup.seeds0)
  for (const i of rows) seeds0.set(rng(16), 16 * i)
  return { ...setup, seeds0 }
}

function accepts(sender: SenderSetup, receiver: ReceiverSetup): boolean {
  const context: RvoleContext = { group: nativeCurves.secp256k1, suite: 1, ctx: rng(32), sender: 1, receiver: 2, count: 1 }
  const bob = new RvoleReceiver(context, receiver, rng)
  try {
    RvoleSender.accept(context, sender, bob.message).wipe()
    return true
  } catch (error) {
    expect(error).toEqual(new Fault('OTE_CHECK', [2]))
    return false
  } finally {
    bob.wipe()
  }
}

describe('what ten thousand sessions tell a cheating receiver of Delta', () => {
  it('14.7 statistics, without a ban: the bits that it guesses at, and nothing else: a session passes when every guess is right', () => {
    const { sender, receiver } = dealtDirection(rng)
    const passed = [0, 0, 0, 0]
    for (let n = 0; n < SESSIONS; n++) {
      const count = n % 4
      const rows = Array.from({ length: count }, () => pick(rng, ROWS))
      const right = rows.every((i) => bitOf(sender.delta, i) === 0)
      expect(accepts(sender, guessing(receiver, rows))).toBe(right)
      passed[count] = (passed[count] as number) + Number(right)
    }
    // An honest session always passes; a pass shows s right guesses, at about 2^-s.
    expect(passed[0]).toBe(SESSIONS / 4)
    const zeros = Array.from({ length: ROWS }, (_, i) => 1 - bitOf(sender.delta, i)).reduce((a, b) => a + b, 0) / ROWS
    for (const s of [1, 2, 3]) {
      const [expected, trials] = [zeros ** s, SESSIONS / 4]
      const deviation = Math.sqrt(trials * expected * (1 - expected))
      expect(Math.abs((passed[s] as number) - trials * expected)).toBeLessThan(6 * deviation)
    }
  })

  it('14.7 statistics, with the ban: the first abort is the last answer; two bits of Delta on average, however many sessions', () => {
    let sessions = 0
    const learned: number[] = []
    while (sessions < SESSIONS) {
      // A set-up of its own for each receiver that is banned.
      const { sender, receiver } = dealtDirection(rng)
      let bits = 0
      let banned = false
      for (let i = 0; i < ROWS && !banned; i++) {
        sessions++
        bits++ // passed or not, this bit is known
        banned = !accepts(sender, guessing(receiver, [i]))
        expect(banned).toBe(bitOf(sender.delta, i) === 1)
      }
      learned.push(bits)
    }
    // Geometric: mean 2, variance 2, and bits beyond s at 2^-s.
    const mean = learned.reduce((a, b) => a + b, 0) / learned.length
    expect(Math.abs(mean - 2)).toBeLessThan(6 * Math.sqrt(2 / learned.length))
    for (const s of [1, 2, 4, 8]) {
      const [seen, p] = [learned.filter((bits) => bits > s).length, 2 ** -s]
      expect(Math.abs(seen - learned.length * p)).toBeLessThan(6 * Math.sqrt(learned.length * p * (1 - p)) + 1)
    }
  })
})
