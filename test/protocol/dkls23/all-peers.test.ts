import { describe, expect, it } from 'vitest'
import { ofAllPeers } from '../../../src/protocol/dkls23/all-peers.ts'
import { Fault, type FaultCode } from '../../../src/protocol/engine/fault.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { faultOf } from '../signing/fault-of.ts'

const failing = (codes: Readonly<Partial<Record<PartyId, FaultCode>>>, looked: PartyId[] = []) =>
  faultOf(() =>
    ofAllPeers([1, 2, 3, 4], (peer) => {
      looked.push(peer)
      const code = codes[peer]
      if (code !== undefined) throw new Fault(code, [peer])
      return peer
    }),
  )

describe('ofAllPeers', () => {
  it('gives each peer’s result, in order', () => expect(ofAllPeers([3, 1, 2], (peer) => peer * 2)).toEqual([6, 2, 4]))

  it('looks at every peer, whoever fails', () => {
    const looked: PartyId[] = []
    expect(failing({ 1: 'EC_CHECK_V' }, looked)).toEqual({ code: 'EC_CHECK_V', culprits: [1] })
    expect(looked).toEqual([1, 2, 3, 4])
  })

  it.each<[Readonly<Partial<Record<PartyId, FaultCode>>>, FaultCode, readonly PartyId[]]>([
    [{ 2: 'SIGN_COMMIT', 4: 'SIGN_COMMIT' }, 'SIGN_COMMIT', [2, 4]],
    [{ 1: 'SIGN_MALFORMED', 3: 'SIGN_COMMIT', 4: 'SIGN_MALFORMED' }, 'SIGN_MALFORMED', [1, 4]],
    [{ 1: 'SIGN_MALFORMED', 4: 'EC_CHECK_V' }, 'EC_CHECK_V', [4]],
    [{ 1: 'EC_CHECK_V', 2: 'RVOLE_CHECK', 3: 'SIGN_MALFORMED', 4: 'EC_CHECK_U' }, 'RVOLE_CHECK', [1, 2, 4]],
    [{ 3: 'OTE_CHECK', 1: 'SIGN_MALFORMED' }, 'OTE_CHECK', [3]],
  ])('%o: one fault; what bans goes first and names all who are to be banned', (codes, code, culprits) => {
    expect(failing(codes)).toEqual({ code, culprits })
  })

  it('says in our log what each peer did', () => {
    try {
      ofAllPeers([1, 2], (peer) => {
        throw new Fault(peer === 1 ? 'EC_CHECK_U' : 'SIGN_MALFORMED', [peer], peer === 2 ? 'wrong length' : '')
      })
    } catch (error) {
      expect((error as Fault).detail).toBe('EC_CHECK_U (culprits: 1); SIGN_MALFORMED (culprits: 2) wrong length')
    }
    expect.assertions(1)
  })

  it('does not take a bug of ours for a peer’s fault', () => {
    const broken = () => {
      throw new TypeError('a bug')
    }
    expect(() => ofAllPeers([1], broken)).toThrow(TypeError)
  })
})
