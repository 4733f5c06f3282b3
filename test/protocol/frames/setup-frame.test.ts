import { describe, expect, it } from 'vitest'
import { setupShape } from '../../../src/protocol/frames/setup-frame.ts'
import { makeWorld, setupOf } from '../../simulator/world.ts'

describe('a session’s set-up in a frame', () => {
  const world = makeWorld({ ids: 3, seed: 'setup frame' })
  const setup = setupOf(world, { protocol: 'hm', suite: 'ecdsa-secp256k1', threshold: 2 })
  const fields = setupShape.plain(setup) as readonly unknown[]

  it('comes back as it was, by numbers', () => {
    const { purpose: _, ...rest } = setup
    expect(setupShape.parse(fields)).toEqual(rest)
  })

  it('with a protocol or suite that no version has is none', () => {
    for (const at of [0, 1]) {
      for (const number of [0, 99, 255]) {
        if (fields[at] === number || (at === 1 && number === 0)) continue
        expect(() => setupShape.parse(fields.with(at, number))).toThrow('unknown protocol or suite number')
      }
    }
  })
})
