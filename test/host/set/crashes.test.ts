import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ApiProblem } from '../../../src/host/api/problem.ts'
import { decodeEnvelope } from '../../../src/protocol/channel/envelope.ts'
import { PROTOCOLS } from '../../../src/protocol/channel/setup.ts'
import { ROUND, type Route } from '../../../src/protocol/frames/signer-frames.ts'
import { inProcessSet, type TestSet } from './in-process-set.ts'
import {
  askFor,
  expectSigned,
  expectWorks,
  isEcdsa,
  makeKeys,
  SCHEMES,
  type Scheme,
  someMessage,
  type TestKey,
} from './signing-keys.ts'
import { until } from './until.ts'

let set: TestSet
let keys: Readonly<Record<Scheme, TestKey>>
beforeAll(async () => {
  set = await inProcessSet()
  keys = await makeKeys(set)
})
afterAll(() => set.close())
const allUp = () => until('all up', () => set.monitor.up().length === 3)
const calm = () => {
  set.hooks.tamper = (_to, _route, frame, deliver) => deliver(frame)
}

/** Between which two steps of an exchange a signer's process ends and begins anew. */
const MOMENTS = ['before the frame', 'before the answer leaves', 'after the answer has left'] as const

/** Restarts `id` once, at its first frame that `matches`. */
function restartAt(
  id: number,
  moment: (typeof MOMENTS)[number],
  matches: (route: Route, frame: Uint8Array) => boolean,
): () => boolean {
  let done = false
  set.hooks.tamper = async (to, route, frame, deliver) => {
    if (done || to !== id || !matches(route, frame)) return await deliver(frame)
    done = true
    if (moment === 'before the frame') set.restart(id)
    const answer = await deliver(frame)
    if (moment === 'before the frame') return answer
    set.restart(id)
    if (moment === 'before the answer leaves') throw new Error('connection reset')
    return answer
  }
  return () => done
}

describe.each(SCHEMES)('T-19 a signer restarts in the middle of a %s session', (scheme) => {
  it.each(MOMENTS)('%s: the request ends, whatever it ends with stays so, the next works', async (moment) => {
    await expectWorks(set, keys[scheme])
    for (const id of [1, 2, 3]) {
      for (const route of ['openSigning', 'round'] as const) {
        const message = someMessage()
        const request = askFor(set, keys[scheme], message)
        const protocol = isEcdsa(scheme) ? PROTOCOLS.hm : PROTOCOLS.frost
        const signing = (r: Route, frame: Uint8Array): boolean =>
          r === route &&
          (r === 'openSigning' || decodeEnvelope(ROUND.decode(frame).envelopes[0] as Uint8Array)?.protocol === protocol)
        restartAt(id, moment, signing)
        const first = await set.service.sign(request, set.client, 8000).catch((error: unknown) => error)
        calm()
        if (first instanceof Error) {
          if (!(first instanceof ApiProblem)) throw first
          expect(['quorum_unavailable', 'signing_timeout']).toContain(first.code)
          expect(first.missing).toEqual([`signer-${id}`])
        } else expectSigned(keys[scheme], message, first as never)
        await allUp()
        const again = await set.service.sign(request, set.client, 8000)
        expectSigned(keys[scheme], message, again)
        if (!(first instanceof Error)) expect(again.signature).toEqual((first as typeof again).signature)
      }
    }
    expect([1, 2, 3].map((id) => set.signerOf(id).actor.load).map(({ open, reserved }) => open + reserved)).toEqual([0, 0, 0])
  })
})

describe('a signer restarts in the middle of a key generation', () => {
  const dkg =
    (wanted: number) =>
    (route: Route, frame: Uint8Array): boolean => {
      if (wanted === 0) return route === 'openKeygen'
      if (route !== 'round') return false
      const { round, envelopes } = ROUND.decode(frame)
      return round === wanted && decodeEnvelope(envelopes[0] as Uint8Array)?.protocol === PROTOCOLS.dkg
    }
  it.each(MOMENTS)('%s, in every round: a key that is anywhere becomes everybody’s, or never is one', async (moment) => {
    for (const [i, round] of [0, 1, 2, 3].entries()) {
      const id = 1 + ((i + MOMENTS.indexOf(moment)) % 3)
      const request = set.request('cred_alice', set.keygen('eddsa-ed25519'))
      const requestId = JSON.parse(new TextDecoder().decode(request.document)).request_id
      const restarted = restartAt(id, moment, dkg(round))
      const create = () => set.service.createKey(request, set.client).catch((error: unknown) => error)
      await create()
      calm()
      expect(restarted(), `round ${round}`).toBe(true)
      await allUp()
      const end = await create()
      const states = [1, 2, 3].map((s) =>
        set.signerOf(s).store.keyByRequest({ credentialId: 'cred_alice', tenant: 'alice', requestId }),
      )
      if (end instanceof Error) {
        expect((end as ApiProblem).code, `round ${round}`).toBe('protocol_abort')
        expect(
          states.filter((s) => s?.state === 'active'),
          `round ${round}`,
        ).toEqual([])
        expect(states.filter((s) => s === undefined).length, `round ${round}`).toBeGreaterThan(0)
      } else {
        expect(
          states.map((s) => s?.state),
          `round ${round}`,
        ).toEqual(['active', 'active', 'active'])
        expect(new Set(states.map((s) => Buffer.from(s?.keyId ?? []).toString('hex'))).size).toBe(1)
      }
      // From the last frame on, every signer has stored its part: then nothing may prevent the key.
      if (round === 3) expect(end, moment).not.toBeInstanceOf(Error)
    }
  })
})

describe('the coordinator restarts in the middle of a session', () => {
  it.each(SCHEMES)('%s: the same bytes sign afterwards, and nothing is left at the signers', async (scheme) => {
    for (const route of ['openSigning', 'round'] as const) {
      const message = someMessage()
      const request = askFor(set, keys[scheme], message)
      const reached = Promise.withResolvers<void>()
      set.hooks.tamper = async (_to, r, frame, deliver) => {
        const answer = await deliver(frame)
        if (r !== route) return answer
        reached.resolve()
        // The coordinator that asked is gone; nobody hears the answer.
        return await new Promise<never>(() => undefined)
      }
      const lost = set.service.sign(request, set.client, 300).catch(() => undefined)
      await reached.promise
      calm()
      await set.restartCoordinator()
      expectSigned(keys[scheme], message, await set.service.sign(request, set.client, 8000))
      await lost
    }
  })
})
