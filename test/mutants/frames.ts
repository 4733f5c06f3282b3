import { expect } from 'vitest'
import { round } from '../../src/actors/round.ts'
import type { SignatureView } from '../../src/host/api/coordinator-service.ts'
import { ApiProblem } from '../../src/host/api/problem.ts'
import { decodeEnvelope } from '../../src/protocol/channel/envelope.ts'
import { toHex } from '../../src/protocol/engine/bytes.ts'
import type { Codec } from '../../src/protocol/engine/codec.ts'
import * as frames from '../../src/protocol/frames/signer-frames.ts'
import { REPLY_TYPES, type Route } from '../../src/protocol/frames/signer-frames.ts'
import { UnreadableMessage } from '../../src/transport/inbound.ts'
import { maliciousCoordinator } from '../attack/malicious-coordinator.ts'
import { type Recorded, record } from '../host/set/faults.ts'
import { inProcessSet, type Tamper } from '../host/set/in-process-set.ts'
import { isValid, makeKey, makeKeys, SCHEMES, type Scheme, sign, someMessage } from '../host/set/signing-keys.ts'
import { until } from '../host/set/until.ts'
import { type Mutant, mutantsOf, pack, sampleOf } from './mutate.ts'

// biome-ignore lint/suspicious/noExplicitAny: codecs of all kinds of values.
type AnyCodec = Codec<any>

/** What is said on each route, by the coordinator and by the signer. */
export const ROUTE_CODECS: Readonly<Record<Route, readonly [request: AnyCodec, answer: AnyCodec]>> = {
  status: [frames.STATUS_REQUEST, frames.STATUS],
  openSigning: [frames.OPEN_SIGNING, frames.REPLY],
  openKeygen: [frames.OPEN_KEYGEN, frames.REPLY],
  openPrss: [frames.OPEN_PRSS, frames.REPLY],
  openPair: [frames.OPEN_PAIR, frames.REPLY],
  updateKey: [frames.UPDATE_KEY, frames.REPLY],
  round: [frames.ROUND, frames.REPLY],
  abort: [frames.ABORT, frames.REPLY],
  certificate: [frames.CERTIFICATE_REQUEST, frames.CERTIFICATE_REPLY],
  keys: [frames.KEYS_REQUEST, frames.KEYS_REPLY],
}
const SABOTEUR = 3
const NOBODY: readonly string[] = []
const SECRET = /[0-9a-f]{32}|[A-Za-z0-9+/_-]{44}/i

/** A set of real signers that gets wrong frames or wrong answers, and must be the same set afterwards. */
export async function mutantFrames() {
  const set = await inProcessSet()
  const { hooks } = set
  const honest: Tamper = (_to, _route, frame, deliver) => deliver(frame)
  const keys = await makeKeys(set)
  const coordinator = maliciousCoordinator(set)
  await sign(set, keys['ecdsa-secp256k1'], someMessage())

  const recorded = await record(set, async () => {
    for (const scheme of SCHEMES) {
      await makeKey(set, scheme)
      for (let i = 0; i < 3; i++) await sign(set, keys[scheme], someMessage())
    }
  })
  const of = (route: Route, pick: (r: Recorded) => Uint8Array): readonly Uint8Array[] => {
    const said = recorded.filter((r) => r.route === route).map(pick)
    return said.length > 0 ? said : [pack(sampleOf((ROUTE_CODECS[route][pick === frameOf ? 0 : 1] as AnyCodec).form))]
  }
  const frameOf = (r: Recorded): Uint8Array => r.frame
  const answerOf = (r: Recorded): Uint8Array => r.answer
  const stored = () =>
    Object.values(keys).map(({ keyId }) =>
      [1, 2, 3].map((id) => {
        const { share, chain } = set.secretOf(id, keyId)
        return `${set.signerOf(id).store.getKey(keyId)?.state} ${toHex(share)} ${toHex(chain)}`
      }),
    )
  const before = stored()

  /** Whatever happened: the same keys in the same state, and each of them signs. */
  const unharmed = async (what: string): Promise<void> => {
    hooks.tamper = honest
    await until(`${what}: all up`, () => set.monitor.up().length === 3)
    expect(stored(), what).toEqual(before)
    for (const key of Object.values(keys)) {
      const message = someMessage()
      expect(isValid(key, message, (await sign(set, key, message)).signature), what).toBe(true)
    }
  }

  /** Wrong requests of one route. Frames for each protocol that opens on it: the first of every length is enough of a choice. */
  const requestMutants = (route: Route): readonly Mutant[] => {
    const all = of(route, frameOf)
    const lengths = [...new Map(all.map((f) => [f.length, f])).values()].slice(0, 3)
    return lengths.flatMap((frame) => mutantsOf(ROUTE_CODECS[route][0].form, frame, all.slice(0, 1)))
  }

  /** A coordinator says it to signer 1. An answer with a code, or none; a session that it opened is aborted again. */
  const request = async (route: Route, { what, bytes }: Mutant): Promise<void> => {
    let answer: Uint8Array
    try {
      answer = await coordinator.send(1, route, bytes)
    } catch (error) {
      // On routes whose answer has no code; the transport makes a bare 400 of it.
      expect(error, what).toBeInstanceOf(UnreadableMessage)
      expect(['status', 'certificate', 'keys'], what).toContain(route)
      expect(`${error}`, what).not.toMatch(SECRET)
      return
    }
    const decoded = ROUTE_CODECS[route][1].decode(answer)
    if (ROUTE_CODECS[route][1] !== frames.REPLY) return
    expect(frames.knownCode(decoded.code), what).toBe(decoded.code)
    expect(decoded.code === '', what).toBe(decoded.type === REPLY_TYPES.sent || decoded.type === REPLY_TYPES.done)
    expect(decoded.culprits, what).toEqual([])
    const session = decodeEnvelope(decoded.envelopes[0] ?? new Uint8Array(0))?.sessionId
    if (session !== undefined) await coordinator.send(1, 'abort', frames.ABORT.encode({ sessionId: session }))
  }

  const answerMutants = (route: Route): readonly Mutant[] => {
    const all = of(route, answerOf)
    const lengths = [...new Map(all.map((a) => [a.length, a])).values()].slice(0, 2)
    return lengths.flatMap((answer) => mutantsOf(ROUTE_CODECS[route][1].form, answer, all.slice(0, 1)))
  }

  /** How a run ends: well, or with a problem that names nobody but the saboteur. @throws whatever else it ends with. */
  const ended = async (what: string, run: Promise<unknown>): Promise<unknown> => {
    const end = await run.catch((error: unknown) => error)
    if (!(end instanceof Error)) return end
    if (!(end instanceof ApiProblem)) throw end
    expect(end.code, what).not.toBe('internal')
    expect(
      [...(end.culprits ?? NOBODY), ...(end.missing ?? NOBODY)].filter((name) => name !== `signer-${SABOTEUR}`),
      what,
    ).toEqual([])
    expect(`${end.message} ${JSON.stringify(end)}`.replaceAll(/(req|key|sig|ses)_\w+/g, ''), what).not.toMatch(SECRET)
    return end
  }
  const signing = async (what: string, scheme: Scheme): Promise<void> => {
    const message = someMessage()
    const end = await ended(what, sign(set, keys[scheme], message))
    if (!(end instanceof Error)) expect(isValid(keys[scheme], message, (end as SignatureView).signature), what).toBe(true)
  }

  /** A signer answers so on one route, while the coordinator does what it has that route for. */
  const answer = async (route: Route, { what, bytes }: Mutant, nth: number): Promise<void> => {
    await until(`${what}: all up`, () => set.monitor.up().length === 3)
    let hit = false
    hooks.tamper = async (to, on, frame, deliver) => {
      const given = await deliver(frame)
      if (to !== SABOTEUR || on !== route) return given
      hit = true
      return bytes
    }
    const { keyId } = keys['eddsa-ed25519']
    switch (route) {
      case 'status':
        await set.monitor.refresh([SABOTEUR])
        expect(set.monitor.states().map((s) => s.id)).toEqual([1, 2, 3])
        break
      case 'openSigning':
      case 'round':
        await signing(what, SCHEMES[nth % SCHEMES.length] as Scheme)
        if (route === 'round' && nth % 4 === 0) await ended(what, makeKey(set, 'eddsa-ed25519'))
        break
      case 'openKeygen':
        await ended(what, makeKey(set, 'eddsa-ed25519'))
        break
      case 'certificate':
        expect((await set.delivery.deliver(keyId))?.state, what).toBe('active')
        break
      case 'keys':
        // A list that cannot be read is asked for again.
        await set.delivery
          .rebuild(set.links.get(SABOTEUR) as never)
          .catch((error) => expect(error, what).toBeInstanceOf(RangeError))
        break
      case 'openPrss':
        // A coordinator that has just started tries at once; one that has failed waits.
        set.loseWorker(1)
        await set.restartCoordinator()
        await set.prss.ensure(2, [1, 2, 3])
        hooks.tamper = honest
        await set.restartCoordinator()
        break
      default: {
        const { replies, missing } = await round([...set.links.values()], route, () => new Uint8Array(0), 1000)
        expect([...replies.keys(), ...missing].sort(), what).toEqual([1, 2, 3])
        expect(
          missing.every((id) => id === SABOTEUR),
          what,
        ).toBe(true)
      }
    }
    hooks.tamper = honest
    // FROST takes two of three in turn.
    if (!(route === 'openSigning' || route === 'round')) expect(hit, what).toBe(true)
  }

  return { requestMutants, request, answerMutants, answer, unharmed, close: () => set.close() }
}
