import { describe, expect, it } from 'vitest'
import { createLogger } from '../../../src/host/log.ts'
import { Fault } from '../../../src/protocol/engine/fault.ts'

function capture() {
  const lines: string[] = []
  const log = createLogger({
    level: 'debug',
    role: 'signer',
    name: 'signer-1',
    destination: { write: (line) => void lines.push(line) },
  })
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? '{}') }
}

describe('the log', () => {
  it('says who, when and how bad', () => {
    const { log, last } = capture()
    log.info({ port: 8081 }, 'listening')
    expect(last()).toMatchObject({ level: 'info', role: 'signer', name: 'signer-1', port: 8081, msg: 'listening' })
    expect(Date.parse(last().time)).toBeGreaterThan(0)
  })

  it('finds the lines of a request and a session by their fields', () => {
    const { log, last } = capture()
    log.child({ reqId: 'r1' }).child({ session: 's1' }).debug('round')
    expect(last()).toMatchObject({ reqId: 'r1', session: 's1', msg: 'round' })
  })

  it.each([
    'share',
    'seed',
    'signSeed',
    'exchangeSecret',
    'token',
    'authorization',
    'Authorization',
    'key',
    'privateKey',
    'private_key',
    'password',
    'nonce',
    'sealedShare',
    'dataKey',
    'cookie',
    'd',
  ])('does not write the field %s, at any depth', (name) => {
    const { log, lines } = capture()
    log.info({ [name]: 'LEAK' })
    log.info({ a: { b: [{ [name]: { c: 'LEAK' } }] } })
    log.child({ [name]: 'LEAK' }).info('x')
    log.error({ err: Object.assign(new Error('x'), { options: { headers: { [name]: 'LEAK' } } }) })
    expect(lines.join('')).not.toContain('LEAK')
    expect(lines).toHaveLength(4)
  })

  it.each(['keyId', 'key_id', 'publicKey', 'public_key', 'tickets', 'signers', 'threshold'])('writes the field %s', (name) => {
    const { log, last } = capture()
    log.info({ [name]: 'shown' })
    expect(last()[name]).toBe('shown')
  })

  it('never writes bytes or big integers, whatever they are called', () => {
    const { log, lines, last } = capture()
    const bytes = Uint8Array.of(201, 202, 203)
    log.info({
      a: bytes,
      b: Buffer.from(bytes),
      c: [{ d2: bytes.buffer }],
      e: 123456789012345678901234567890n,
      f: new Map([['x', bytes]]),
    })
    expect(last()).toMatchObject({ a: '[3 bytes]', b: '[3 bytes]', c: [{ d2: '[3 bytes]' }], e: '[integer]', f: '[1 entries]' })
    expect(lines.join('')).not.toMatch(/201|1234567890|c9cacb|ycrL/)
  })

  it('writes an error with code, detail, cause and stack, and no other field of it', () => {
    const { log, last } = capture()
    const cause = Object.assign(new Error('inner'), { code: 'ECONNRESET', request: { body: 'LEAK' } })
    log.error({ err: new Error('outer', { cause }) }, 'failed')
    expect(last().err).toMatchObject({ type: 'Error', message: 'outer', cause: { message: 'inner', code: 'ECONNRESET' } })
    expect(last().err.stack).toContain('log.test.ts')
    expect(JSON.stringify(last())).not.toContain('LEAK')
    log.error(new Fault('DKG_SHARE', [2], 'not on the polynomial'))
    expect(last().err).toMatchObject({ type: 'Fault', code: 'DKG_SHARE', detail: 'not on the polynomial' })
  })

  it('stays small and survives loops', () => {
    const { log, lines } = capture()
    const loop: Record<string, unknown> = { text: 'x'.repeat(100_000), list: Array.from({ length: 10_000 }, () => 1) }
    loop['self'] = loop
    log.info(loop, 'big')
    expect(lines.at(-1)?.length).toBeLessThan(50_000)
    expect(() => JSON.parse(lines.at(-1) ?? '')).not.toThrow()
  })

  it('writes nothing below its level', () => {
    const { log, lines } = capture()
    log.trace('x')
    expect(lines).toEqual([])
  })
})
