import { describe, expect, it } from 'vitest'
import type { SessionReport } from '../../../src/actors/signing-scheduler.ts'
import { SessionLog } from '../../../src/host/coordinator/session-log.ts'
import { signerNames } from '../../../src/host/coordinator/signer-names.ts'
import { toHex, u32 } from '../../../src/protocol/engine/bytes.ts'

const names = signerNames([1, 2, 3].map((index) => ({ index, name: `signer-${index}`, url: '', tlsFingerprint: '' })))
const sessionId = (n: number): Uint8Array => Uint8Array.from([...u32(n), ...new Uint8Array(28)])

/** A session of `count` requests, of alice unless said otherwise, numbered from `first`. */
function report(n: number, count: number, first = n * 1000, owner = 'alice'): SessionReport {
  const items = Array.from({ length: count }, (_, i) => ({
    instance: Uint8Array.from([...new Uint8Array(60), ...u32(first + i)]),
    requestId: `req_${first + i}`,
    request: { document: new Uint8Array(0), credentialId: owner, alg: 'ed25519', signature: new Uint8Array(0) },
    input: new Uint8Array(32),
    publicKey: new Uint8Array(33),
    verifyingShares: new Map(),
  }))
  const signed = { type: 'signed' as const, signature: new Uint8Array(64), recovery: 0 }
  const end = { sessionId: sessionId(n), released: true, type: 'done' as const, items: items.map(() => signed) }
  return { engine: 'frost', scheme: 'eddsa-ed25519', signers: [1, 2], items, ms: 5, stages: {}, end }
}
const id = (n: number): string => `ses_${toHex(sessionId(n))}`

describe('the log of sessions', () => {
  it('forgets the oldest beyond 4,096 sessions, with the signatures that only they had', () => {
    const log = new SessionLog(names)
    for (let n = 0; n < 4100; n++) log.add(report(n, 1), 1_000)
    expect(log.size).toEqual({ sessions: 4096, items: 4096 })
    expect(log.find(id(3), ['alice'])).toBeUndefined()
    const last = log.find(id(4099), ['alice'])
    expect(last?.items).toHaveLength(1)
    expect(log.idOf(last?.items[0]?.signatureId ?? '', ['alice'])).toBe(id(4099))
  })

  it('and beyond 65,536 requests', () => {
    const log = new SessionLog(names)
    for (let n = 0; n < 300; n++) log.add(report(n, 256), 1_000)
    expect(log.size.items).toBeLessThanOrEqual(65_536)
    expect(log.size.sessions).toBe(256)
  })

  it('knows the last session of a request that was tried twice, also when the first is forgotten', () => {
    const log = new SessionLog(names)
    log.add(report(1, 1, 7), 1_000)
    log.add(report(2, 1, 7), 2_000)
    const signature = log.find(id(1), ['alice'])?.items[0]?.signatureId ?? ''
    expect(log.idOf(signature, ['alice'])).toBe(id(2))
    for (let n = 3; n < 4099; n++) log.add(report(n, 1), 3_000)
    expect(log.find(id(1), ['alice'])).toBeUndefined()
    expect(log.find(id(2), ['alice'])).toBeUndefined()
    expect(log.idOf(signature, ['alice'])).toBeUndefined()
  })

  it('T-21 keeps owners apart who sent the same document', () => {
    const log = new SessionLog(names)
    log.add(report(1, 1, 7), 1_000)
    log.add(report(2, 1, 7, 'bob'), 2_000)
    const signature = log.find(id(1), ['alice'])?.items[0]?.signatureId ?? ''
    expect(log.find(id(2), ['bob'])?.items[0]?.signatureId).toBe(signature)
    expect([log.idOf(signature, ['alice']), log.idOf(signature, ['bob']), log.idOf(signature, ['eve'])]).toEqual([
      id(1),
      id(2),
      undefined,
    ])
  })
})
