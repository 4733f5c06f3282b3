import { expect, it } from 'vitest'
import { OwnerShares } from '../../../src/host/coordinator/owner-shares.ts'

const overloaded = expect.objectContaining({ code: 'overloaded', outcome: 'none', retryAfterMs: 250 })

it('of requests: so many of one owner, whatever others have, and again when some have ended', () => {
  const shares = new OwnerShares({ requests: 2, bytes: 100 })
  const first = shares.take('a', 1)
  shares.take('a', 1)
  expect(() => shares.take('a', 1)).toThrow(overloaded)
  shares.take('b', 1)
  first()
  shares.take('a', 1)
  expect(() => shares.take('a', 1)).toThrow(overloaded)
})

it('of bytes: a few large requests count as much as many small ones', () => {
  const shares = new OwnerShares({ requests: 9, bytes: 100 })
  const large = shares.take('a', 60)
  expect(() => shares.take('a', 41)).toThrow(overloaded)
  shares.take('a', 40)
  large()
  shares.take('a', 60)
  expect(() => shares.take('a', 1)).toThrow(overloaded)
})

it('remembers nobody who has nothing under way', () => {
  const shares = new OwnerShares({ requests: 2, bytes: 100 })
  const given = [shares.take('a', 60), shares.take('a', 40), shares.take('b', 1)]
  expect(shares.owners).toBe(2)
  for (const back of given) back()
  expect(shares.owners).toBe(0)
})
