import { describe, expect, it } from 'vitest'
import { wipe } from '../../../src/protocol/engine/bytes.ts'
import { Fault } from '../../../src/protocol/engine/fault.ts'
import type { Exchange, Inbox, Protocol } from '../../../src/protocol/engine/round.ts'
import { ScriptRunner } from '../../../src/protocol/engine/script.ts'

const NOTHING: Inbox = new Map()
const exchange = (name: string): Exchange => ({ name, broadcast: new Uint8Array(1), from: [2] })

/** Two rounds with a secret that must be gone on every exit. */
function* twoRounds(secret: Uint8Array, failWith?: () => Error): Protocol<number> {
  try {
    yield exchange('one')
    if (failWith !== undefined) throw failWith()
    const inbox = yield exchange('two')
    return inbox.size
  } finally {
    wipe(secret)
  }
}
const fresh = (): Uint8Array => Uint8Array.of(1, 2, 3)
const wiped = (secret: Uint8Array): boolean => secret.every((b) => b === 0)

describe('ScriptRunner', () => {
  it('counts rounds and ends once with the result', () => {
    const secret = fresh()
    const runner = new ScriptRunner(twoRounds(secret))
    expect(runner.round).toBe(0)
    expect(runner.start()).toMatchObject({ type: 'exchange', round: 1, exchange: { name: 'one' } })
    expect(runner.resume(NOTHING)).toMatchObject({ type: 'exchange', round: 2, exchange: { name: 'two' } })
    expect(runner.ended).toBe(false)
    expect(wiped(secret)).toBe(false)
    expect(runner.resume(new Map([[2, {}]]))).toEqual({ type: 'done', result: 1 })
    expect(runner.ended).toBe(true)
    expect(wiped(secret)).toBe(true)
  })

  it('makes a Fault data and wipes', () => {
    const secret = fresh()
    const runner = new ScriptRunner(twoRounds(secret, () => new Fault('DKG_POP', [2])))
    runner.start()
    const step = runner.resume(NOTHING)
    expect(step).toMatchObject({ type: 'failed', fault: { code: 'DKG_POP', culprits: [2] } })
    expect(wiped(secret)).toBe(true)
  })

  it('lets a bug through loudly, after wiping', () => {
    const secret = fresh()
    const runner = new ScriptRunner(twoRounds(secret, () => new TypeError('bug')))
    runner.start()
    expect(() => runner.resume(NOTHING)).toThrow('bug')
    expect(wiped(secret)).toBe(true)
    expect(runner.ended).toBe(true)
  })

  it('T-11: start twice, resume before the start or after the end are refused', () => {
    const runner = new ScriptRunner(twoRounds(fresh()))
    expect(() => runner.resume(NOTHING)).toThrow('not waiting')
    runner.start()
    expect(() => runner.start()).toThrow('starts once')
    runner.resume(NOTHING)
    runner.resume(NOTHING)
    expect(() => runner.resume(NOTHING)).toThrow('not waiting')
    expect(() => runner.start()).toThrow('starts once')
  })

  it('stop wipes in any round, and again is harmless', () => {
    for (const rounds of [1, 2]) {
      const secret = fresh()
      const runner = new ScriptRunner(twoRounds(secret))
      runner.start()
      if (rounds === 2) runner.resume(NOTHING)
      expect(runner.stop('TIMEOUT')).toMatchObject({ type: 'failed', fault: { code: 'TIMEOUT', culprits: [] } })
      expect(wiped(secret)).toBe(true)
      expect(runner.stop()).toMatchObject({ type: 'failed' })
      expect(() => runner.resume(NOTHING)).toThrow('not waiting')
    }
  })

  it('a script that never starts can be stopped', () => {
    const runner = new ScriptRunner(twoRounds(fresh()))
    runner.stop()
    expect(() => runner.start()).toThrow('starts once')
  })

  it('a round number stays a byte', () => {
    const secret = fresh()
    function* endless(): Protocol<void> {
      try {
        for (;;) yield exchange('again')
      } finally {
        wipe(secret)
      }
    }
    const runner = new ScriptRunner(endless())
    runner.start()
    for (let round = 2; round <= 255; round++) runner.resume(NOTHING)
    expect(() => runner.resume(NOTHING)).toThrow('255 rounds')
    expect(wiped(secret)).toBe(true)
  })
})
