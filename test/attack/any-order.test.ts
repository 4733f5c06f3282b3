import { afterEach, beforeEach, expect, it } from 'vitest'
import { sessionId as sessionIdOf } from '../../src/protocol/channel/setup.ts'
import { pairedPurpose } from '../../src/protocol/dkls23/purpose.ts'
import type { PartyId } from '../../src/protocol/engine/party.ts'
import type { SetupFields } from '../../src/protocol/frames/setup-frame.ts'
import { ABORT, OPEN_PAIR, OPEN_SIGNING, REPLY_TYPES, type Reply } from '../../src/protocol/frames/signer-frames.ts'
import { makeKey, type TestKey } from '../host/set/signing-keys.ts'
import { pick as below, seededRng } from '../simulator/seeded-rng.ts'
import { type RogueSet, rogueSet, said } from './pair-set.ts'

let r: RogueSet
let keys: readonly TestKey[]
beforeEach(async () => {
  r = await rogueSet()
  keys = [await makeKey(r.set, 'ecdsa-secp256k1'), await makeKey(r.set, 'ecdsa-p256')]
})
afterEach(() => r.set.close())

const HONEST: readonly PartyId[] = [1, 2]

/** A session of the two honest signers, and what each has said so far. */
interface Flow {
  readonly sessionId: Uint8Array
  readonly said: ReadonlyMap<PartyId, Reply[]>
}

/**
 * Signing sessions of both curves and set-ups of one pair, all at once: every step is that of a random session, with frames of others mixed
 * in, old ones again, envelopes altered, sessions aborted, set-ups replaced in the middle.
 */
it.each([1, 2])(
  'O-12, T-04 two honest signers in whatever order a coordinator asks them: no ban, no strike, nothing burnt (%d)',
  async (seed) => {
    const rng = seededRng(`asked in any order ${seed}`)
    const random = (limit: number): number => below(rng, limit)
    const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T
    const flows: Flow[] = []
    const heard: Uint8Array[] = []
    const ended = new Map<string, number>()
    const setupOf = (fields: Partial<SetupFields>): SetupFields =>
      r.c.setupOf({ protocol: 'dkls23', suite: 'none', signers: HONEST, deadline: Date.now() + 20_000, ...fields })

    const open = async (sessionId: Uint8Array, route: 'openSigning' | 'openPair', frame: Uint8Array): Promise<void> => {
      const first = await Promise.all(HONEST.map(async (id) => [id, [await r.c.ask(id, route, frame)]] as const))
      flows.push({ sessionId, said: new Map<PartyId, Reply[]>(first.map(([id, replies]) => [id, [...replies]])) })
      heard.push(...first.flatMap(([, [reply]]) => reply?.envelopes ?? []))
    }
    const openSigning = (key: TestKey): Promise<void> => {
      const setup = setupOf({ suite: key.scheme as SetupFields['suite'] })
      const items = [r.itemOf(key), r.itemOf(key)]
      const pairs = [r.idOf(1, 2)]
      const purpose = pairedPurpose(
        items.map((i) => i.instance),
        pairs,
      )
      const frame = OPEN_SIGNING.encode({ setup, generation: new Uint8Array(0), tickets: [], pairs, items })
      return open(sessionIdOf({ ...setup, purpose }), 'openSigning', frame)
    }
    const openPair = (): Promise<void> => {
      // Ten seconds later, for the signers.
      for (const id of HONEST) r.set.clocks.set(id, (r.set.clocks.get(id) ?? 0) + 11_000)
      const setup = setupOf({ protocol: 'pair' })
      return open(sessionIdOf({ ...setup, purpose: new Uint8Array(0) }), 'openPair', OPEN_PAIR.encode({ setup }))
    }
    const altered = (bytes: Uint8Array): Uint8Array => {
      const at = random(bytes.length)
      return Uint8Array.from(bytes, (b, i) => (i === at ? b ^ (1 << random(8)) : b))
    }
    const noise = (): readonly Uint8Array[] =>
      Array.from({ length: random(4) }, () => (random(2) === 0 ? pick(heard) : altered(pick(heard))))
    const step = async ({ sessionId, said: words }: Flow): Promise<void> => {
      const id = pick(HONEST)
      const mine = words.get(id) ?? []
      const number = mine.length
      if (mine.at(-1)?.type !== REPLY_TYPES.sent) return
      const ask = (round: number, mail: readonly Uint8Array[]): Promise<Reply> =>
        r.c.ask(id, 'round', r.c.roundFrame(sessionId, round, mail))
      if (random(3) === 0) await ask(random(5), noise())
      const all = HONEST.map((from) => words.get(from)?.[number - 1])
      if (all.some((reply) => reply === undefined)) return
      const mail = all.flatMap((reply) => reply?.envelopes ?? [])
      // What was said in another session of the same signers goes first: what is not of this one must not count.
      const reply = await ask(number, [...noise(), ...mail])
      if (reply.type === REPLY_TYPES.sent && reply.envelopes.length === 0) return
      mine.push(reply)
      heard.push(...reply.envelopes)
      ended.set(said(reply), (ended.get(said(reply)) ?? 0) + 1)
      if (random(3) === 0) expect(await ask(number, noise())).toBeDefined()
      if (random(12) === 0) await r.c.ask(id, 'abort', ABORT.encode({ sessionId }))
    }

    r.deal(1, 2)
    for (const key of keys) await openSigning(key)
    await openPair()
    for (let i = 0; i < 250; i++) {
      const what = random(30)
      if (what === 0) await openSigning(pick(keys))
      else if (what === 1) r.deal(1, 2)
      else if (i === 120) await openPair()
      else await step(pick(flows))
    }
    expect(r.unblamed()).toBe(true)
    expect(ended.get('sent')).toBeGreaterThan(10)
    r.deal(1, 2)
    for (const key of keys) expect(await r.sign(key, HONEST)).toEqual(['done', 'done'])
  },
)
