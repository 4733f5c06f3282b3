import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ApiProblem } from '../../../src/host/api/problem.ts'
import { REPLY } from '../../../src/protocol/frames/signer-frames.ts'
import { inProcessSet, type TestSet } from './in-process-set.ts'
import { askFor, makeKey, makeKeys, problemOf, type Scheme, sign, someMessage, type TestKey } from './signing-keys.ts'

let set: TestSet
let keys: Readonly<Record<Scheme, TestKey>>
beforeAll(async () => {
  set = await inProcessSet()
  keys = await makeKeys(set)
})
afterAll(() => set.close())
afterEach(() => {
  set.hooks.tamper = (_to, _route, frame, deliver) => deliver(frame)
})
const alice = { name: 'alice', credentials: ['cred_alice'] }
const bob = { name: 'bob', credentials: ['cred_bob'] }

describe('GET /api/v1/sessions/{id}', () => {
  it('tells what became of a request, under the id that its signature names', async () => {
    const view = await sign(set, keys['ecdsa-secp256k1'], someMessage())
    expect(view.sessionId).toMatch(/^ses_[0-9a-f]{64}$/)
    const session = set.service.getSession(view.sessionId as string, alice)
    expect(session).toMatchObject({
      id: view.sessionId,
      engine: 'hm',
      scheme: 'ecdsa-secp256k1',
      state: 'done',
      code: null,
      signers: ['signer-1', 'signer-2', 'signer-3'],
      missing: [],
      culprits: [],
      items: [{ requestId: view.requestId, signatureId: view.id, outcome: 'signed', code: null }],
    })
    expect(Date.parse(session.endedAt)).toBeGreaterThanOrEqual(Date.parse(session.startedAt))
    expect((await set.service.getSignature(view.id, alice, 0)).sessionId).toBe(view.sessionId)
  })

  it('T-21 shows nobody the requests of others, and no session without one of one’s own', async () => {
    const bobs = await makeKey(set, 'eddsa-ed25519', 'cred_bob')
    // Held back, so that the next two share a batch.
    let release = (): void => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    set.hooks.tamper = async (_to, route, frame, deliver) => {
      if (route === 'openSigning') await held
      return await deliver(frame)
    }
    const first = [1, 2].map(() => sign(set, keys['eddsa-ed25519'], someMessage()))
    const [mine, theirs] = [
      sign(set, keys['eddsa-ed25519'], someMessage()),
      set.service.sign(askFor(set, bobs, someMessage(), undefined, 'cred_bob'), set.client, 10_000),
    ]
    release()
    await Promise.all(first)
    const [a, b] = await Promise.all([mine, theirs])
    expect(a.sessionId).toBe(b.sessionId)
    const id = a.sessionId as string
    const alices = set.service.getSession(id, alice).items.map((i) => i.requestId)
    expect(alices).toContain(a.requestId)
    expect(alices).not.toContain(b.requestId)
    expect(set.service.getSession(id, bob).items.map((i) => i.requestId)).toEqual([b.requestId])
    expect(() => set.service.getSession(id, { name: 'eve', credentials: ['cred_eve'] })).toThrow(ApiProblem)
    expect(() => set.service.getSession(`ses_${'0'.repeat(64)}`, alice)).toThrow(expect.objectContaining({ code: 'not_found' }))
  })

  it('names the session in the problem of a request that failed, and in it who and why', async () => {
    // Signer 3 spoils every share it gives.
    set.hooks.tamper = async (to, route, frame, deliver) => {
      const answer = await deliver(frame)
      if (to !== 3 || route !== 'round') return answer
      const reply = REPLY.decode(answer)
      return REPLY.encode({ ...reply, envelopes: reply.envelopes.map((e) => e.map((b, i) => (i === e.length - 70 ? b ^ 1 : b))) })
    }
    const problem = await problemOf(sign(set, keys['ecdsa-secp256k1'], someMessage()))
    expect(problem.code).toBe('protocol_abort')
    const session = set.service.getSession(problem.sessionId as string, alice)
    expect(session.items[0]).toMatchObject({ outcome: 'failed' })
    expect(session.items[0]?.code).toMatch(/^HM_/)
  })
})
