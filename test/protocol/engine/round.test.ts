import { describe, expect, it } from 'vitest'
import { broadcastOf, directOf } from '../../../src/protocol/engine/round.ts'

describe('a completed round', () => {
  const bytes = Uint8Array.of(7)
  const inbox = new Map([
    [2, { broadcast: bytes }],
    [3, { direct: bytes }],
  ])

  it('gives what arrived', () => {
    expect(broadcastOf(inbox, 2)).toBe(bytes)
    expect(directOf(inbox, 3)).toBe(bytes)
  })

  it('that lacks a message is a mistake of the channel, which nobody is blamed for', () => {
    for (const from of [1, 3]) expect(() => broadcastOf(inbox, from)).toThrow(`no broadcast of ${from} in a completed round`)
    for (const from of [1, 2]) expect(() => directOf(inbox, from)).toThrow(`no direct message of ${from} in a completed round`)
  })
})
