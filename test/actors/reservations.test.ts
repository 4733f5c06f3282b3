import { describe, expect, it } from 'vitest'
import { Reservations } from '../../src/actors/reservations.ts'

const claim = (requestId: string, hash: number, credentialId = 'cred_a', tenant = 't') => ({
  keyId: new Uint8Array(32),
  credentialId,
  tenant,
  requestId,
  requestHash: new Uint8Array(32).fill(hash),
  expiresAt: 0,
})

describe('reservations of request ids', () => {
  it('let the same document in any number of sessions and another one in none, until the last has ended', () => {
    const all = new Reservations()
    const releases = [all.hold(claim('req_1', 1)), all.hold(claim('req_1', 1))]
    expect([all.conflict(claim('req_1', 1)), all.conflict(claim('req_1', 2))]).toEqual([false, true])
    releases[0]?.()
    releases[0]?.()
    expect(all.conflict(claim('req_1', 2))).toBe(true)
    releases[1]?.()
    expect([all.conflict(claim('req_1', 2)), all.size]).toEqual([false, 0])
    const late = all.hold(claim('req_1', 2))
    releases[0]?.()
    releases[1]?.()
    expect(all.conflict(claim('req_1', 1))).toBe(true)
    late()
    expect(all.size).toBe(0)
  })

  it('are per credential and tenant', () => {
    const all = new Reservations()
    all.hold(claim('req_1', 1))
    expect(all.conflict(claim('req_1', 2, 'cred_b'))).toBe(false)
    expect(all.conflict(claim('req_1', 2, 'cred_a', 'u'))).toBe(false)
    expect(all.conflict(claim('req_1","t', 2, 'cred_a'))).toBe(false)
  })
})
