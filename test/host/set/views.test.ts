import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contentDigest, decodeEnvelope, encodeEnvelope } from '../../../src/protocol/channel/envelope.ts'
import { EVERYONE } from '../../../src/protocol/engine/party.ts'
import { REPLY, type Route } from '../../../src/protocol/frames/signer-frames.ts'
import { inProcessSet, type TestSet } from './in-process-set.ts'
import { expectWorks, makeKeys, problemOf, type Scheme, sign, someMessage, type TestKey } from './signing-keys.ts'

const LIAR = 3
let set: TestSet
let keys: Readonly<Record<Scheme, TestKey>>
beforeAll(async () => {
  set = await inProcessSet()
  keys = await makeKeys(set)
})
afterAll(() => set.close())

/** The liar signs that it saw other broadcasts in the round before than it did. Everything else about its messages is right. */
const lieAboutView = (route: Route, round: number): void => {
  set.hooks.tamper = async (to, at, frame, deliver) => {
    const answer = await deliver(frame)
    if (to !== LIAR || at !== route) return answer
    const reply = REPLY.decode(answer)
    const envelopes = reply.envelopes.map((bytes) => {
      const envelope = decodeEnvelope(bytes)
      if (envelope?.kind !== 'full' || envelope.round !== round || envelope.receiver !== EVERYONE) return bytes
      const { signature: _, ...header } = { ...envelope, prev: new Uint8Array(32).fill(7) }
      const seed = set.identities[LIAR - 1]?.signSeed as Uint8Array
      return encodeEnvelope({ ...header, signature: set.curves.ed25519Sign(contentDigest(header, header.body), seed) })
    })
    return REPLY.encode({ ...reply, envelopes })
  }
}
const calm = (): void => {
  set.hooks.tamper = (_to, _route, frame, deliver) => deliver(frame)
}

describe('14.1 wrong prev: a party signs one, and is named from what it signed, by the coordinator that has everybody’s broadcasts', () => {
  it('in key generation: no key, and the user is told who', async () => {
    lieAboutView('round', 2)
    const problem = await problemOf(set.service.createKey(set.request('cred_alice', set.keygen('eddsa-ed25519')), set.client))
    calm()
    expect(problem).toMatchObject({ code: 'protocol_abort', culprits: ['signer-3'] })
    await set.service.createKey(set.request('cred_alice', set.keygen('eddsa-ed25519')), set.client)
  })

  it('in FROST: its sessions fail naming it, the requests are signed without it', async () => {
    const from = set.reports.length
    lieAboutView('openSigning', 1)
    for (let i = 0; i < 3; i++) {
      const view = await sign(set, keys['eddsa-ed25519'], someMessage())
      expect(view.signers).toEqual([1, 2])
    }
    calm()
    const failed = set.reports.slice(from).flatMap(({ end }) => (end.type === 'failed' ? [[end.code, end.culprits]] : []))
    expect(failed.length).toBeGreaterThan(0)
    for (const end of failed) expect(end).toEqual(['INCONSISTENT_BROADCAST', [LIAR]])
    await expectWorks(set, keys['eddsa-ed25519'])
  })
})
