import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SignatureView } from '../../../src/host/api/coordinator-service.ts'
import { ApiProblem } from '../../../src/host/api/problem.ts'
import { fromHex } from '../../../src/protocol/engine/bytes.ts'
import type { Route } from '../../../src/protocol/frames/signer-frames.ts'
import { parseKeyId } from '../../../src/protocol/request/ids.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'
import { FAULTS, type Place, type Recorded, record, withFault } from './faults.ts'
import { inProcessSet, type TestSet } from './in-process-set.ts'
import {
  askFor,
  expectSigned,
  expectWorks,
  isValid,
  makeKey,
  makeKeys,
  SCHEMES,
  type Scheme,
  sign,
  someMessage,
  type TestKey,
} from './signing-keys.ts'
import { until } from './until.ts'

const rng = seededRng('one fault')
const fraction = (): number => (rng(1)[0] as number) / 256
const places = (recorded: readonly Recorded[]): readonly Place[] => recorded.map(({ to, route, nth }) => ({ to, route, nth }))
const SIGNING: readonly Route[] = ['openSigning', 'round']
const MAKING: readonly Route[] = ['openKeygen', 'round', 'certificate']

let set: TestSet
let keys: Readonly<Record<Scheme, TestKey>>
beforeAll(async () => {
  set = await inProcessSet()
  keys = await makeKeys(set)
})
afterAll(() => set.close())
/** A session whose abort was lost too ends at its deadline. */
async function nothingLeft(): Promise<void> {
  for (const id of [1, 2, 3]) {
    set.clocks.set(id, 200_000)
    await until('nothing is left', () => {
      const { open, ended, seen, reserved } = set.signerOf(id).actor.load
      return open + ended + seen + reserved === 0
    })
  }
  set.clocks.clear()
  await allUp()
}
const allUp = () => until('all up', () => set.monitor.up().length === 3)

// T-07: exhaustively, one fault at a time, in every exchange of a run. The coordinator's own retries are part of what is tested.
describe.each(SCHEMES)('T-07 one fault while signing, %s', (scheme) => {
  it('never a wrong signature, never two for one document, and the next honest request works', async () => {
    const key = keys[scheme]
    await expectWorks(set, key)
    const threeRuns = async () => {
      for (let i = 0; i < 3; i++) await sign(set, key, someMessage())
    }
    const earlier = (await record(set, threeRuns)).filter((p) => SIGNING.includes(p.route))
    let failed = 0
    let faults = 0
    for (const place of SIGNING.flatMap((route) => [1, 2, 3].map((to) => ({ to, route, nth: 0 })))) {
      for (const kind of FAULTS) {
        const what = `${kind}, ${place.route} to ${place.to}`
        // FROST takes signers in turn: within three runs each is asked.
        for (let hit = false, tries = 0; !hit; tries++) {
          expect(tries, what).toBeLessThan(3)
          const message = someMessage()
          const request = askFor(set, key, message)
          const run = await withFault(set, place, kind, earlier, fraction(), () =>
            set.service.sign(request, set.client, 5000).catch((error: unknown) => error),
          )
          hit = run.hit
          const first = run.result
          if (first instanceof Error) {
            failed += 1
            if (!(first instanceof ApiProblem)) throw first
            // Changed on the way, a request is refused like any bad one.
            expect(first.code, what).not.toBe('internal')
          } else expect(isValid(key, message, (first as SignatureView).signature), what).toBe(true)
          await allUp()
          const again = await set.service.sign(request, set.client, 5000)
          expectSigned(key, message, again)
          if (!(first instanceof Error)) expect(again.signature, what).toEqual((first as SignatureView).signature)
        }
        faults += 1
      }
    }
    expect(faults).toBe(6 * FAULTS.length)
    // FROST is repaired by a session with others. For ECDSA a signer that seems away is missing.
    if (scheme !== 'ecdsa-secp256k1') expect(failed).toBe(0)
    await expectWorks(set, key)
    await nothingLeft()
  })
})

/** Each signer's state of the keys of one request. */
const states = (requestId: string): readonly string[] =>
  [1, 2, 3].map((id) => {
    const { store } = set.signerOf(id)
    const key = store.keyByRequest({ credentialId: 'cred_alice', tenant: 'alice', requestId })
    return key === undefined ? 'none' : `${key.state} ${Buffer.from(key.keyId).toString('hex')}`
  })

describe('T-07 one fault while making a key', () => {
  it.each(SCHEMES)('%s: all or nothing; what can be finished finishes by itself, and the key then signs', async (scheme) => {
    const earlier = (await record(set, () => makeKey(set, scheme))).filter((p) => MAKING.includes(p.route))
    expect(earlier.length).toBeGreaterThanOrEqual(12)
    let made = 0
    let abandoned = 0
    for (const [i, place] of places(earlier).entries()) {
      // Every fault at every exchange for one scheme; the others take turns, since the code is the same.
      const kinds = scheme === 'eddsa-ed25519' ? FAULTS : FAULTS.filter((_, k) => (k + i) % 9 === 0)
      for (const kind of kinds) {
        const what = `${kind}, ${place.route} ${place.nth} to ${place.to}`
        const requestId = `req_${scheme}-${i}-${kind.replaceAll(/[^a-z]/g, '')}`
        const request = set.request('cred_alice', set.keygen(scheme), requestId)
        const create = () => set.service.createKey(request, set.client)
        const { result: first } = await withFault(set, place, kind, earlier, fraction(), () =>
          create().catch((error: unknown) => error),
        )
        if (first instanceof Error && !(first instanceof ApiProblem)) throw first
        await allUp()
        // The faults have stopped: the same document again gets its key, or is told that it never will.
        const again = await create().catch((error: unknown) => error)
        const held = states(requestId)
        if (again instanceof ApiProblem) {
          abandoned += 1
          expect(again.code, what).toBe('protocol_abort')
          expect(
            held.filter((s) => s.startsWith('active')),
            what,
          ).toEqual([])
          expect(held.some((s) => s === 'none') || new Set(held).size > 1, what).toBe(true)
          continue
        }
        if (again instanceof Error) throw again
        made += 1
        const key = again as Awaited<ReturnType<typeof create>>
        expect([key.state, new Set(held).size, held[0]?.slice(0, 6)], what).toEqual(['active', 1, 'active'])
        if (!(first instanceof Error)) expect((first as typeof key).id, what).toBe(key.id)
        const publicKey = fromHex(key.publicKey.slice(2))
        if (made % 8 === 0) await expectWorks(set, { scheme, id: key.id, keyId: parseKeyId(key.id) as Uint8Array, publicKey })
      }
    }
    expect(made).toBeGreaterThan(abandoned)
    await makeKey(set, scheme)
    await nothingLeft()
  })
})
