import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { blame, Fault, SetupError, VERDICTS } from '../../../src/protocol/engine/fault.ts'

describe('Fault', () => {
  it('names each culprit once, ascending, and keeps detail out of its message', () => {
    const fault = new Fault('DKG_SHARE', [3, 1, 3], 'internal words')
    expect(fault.culprits).toEqual([1, 3])
    expect(fault.message).not.toContain('internal words')
    expect(fault.detail).toBe('internal words')
    expect(new Fault('TIMEOUT').message).toBe('TIMEOUT')
  })

  it('every code has a verdict', () => {
    for (const verdict of Object.values(VERDICTS)) expect(['retry', 'exclude', 'investigate', 'refuse', 'ban']).toContain(verdict)
  })

  it('the README explains every code with its verdict, and none that does not exist', () => {
    const readme = readFileSync(new URL('../../../src/protocol/engine/README.md', import.meta.url), 'utf8')
    const rows = [...readme.matchAll(/^\| `([A-Z_]+)` +\| (\w+) +\|/gm)].map(([, code, verdict]) => [code, verdict])
    expect(Object.fromEntries(rows)).toEqual(VERDICTS)
  })

  it('silence is never proof: what only says that something is missing excludes nobody', () => {
    for (const code of ['TIMEOUT', 'STOPPED', 'WORKER_LOST', 'OVERLOADED'] as const) expect(VERDICTS[code]).toBe('retry')
    expect(VERDICTS.INCONSISTENT_BROADCAST).toBe('investigate')
  })
})

describe('blame', () => {
  it('turns whatever goes wrong inside into the fault of the sender', () => {
    const failing = (error: unknown) => () =>
      blame(2, 'MALFORMED', () => {
        throw error
      })
    for (const error of [new RangeError('bounds'), new TypeError('null'), 'text', undefined]) {
      expect(failing(error)).toThrow(expect.objectContaining({ name: 'Fault', code: 'MALFORMED', culprits: [2] }))
    }
  })

  it('lets a finer Fault pass and returns what the check returns', () => {
    const finer = new Fault('DKG_POP', [5])
    expect(() =>
      blame(2, 'MALFORMED', () => {
        throw finer
      }),
    ).toThrow(finer)
    expect(blame(2, 'MALFORMED', () => 7)).toBe(7)
  })
})

describe('SetupError', () => {
  it('is no Fault: a caller made the mistake, no peer', () => {
    const error = new SetupError('SETUP_REFUSED', 'why')
    expect(error).not.toBeInstanceOf(Fault)
    expect(error.code).toBe('SETUP_REFUSED')
    expect(error.message).toBe('why')
  })
})
