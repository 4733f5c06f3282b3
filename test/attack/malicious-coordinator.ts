import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { AssemblerActor } from '../../src/actors/assembler-actor.ts'
import { ASSEMBLE, ASSEMBLED, OUTCOME_TYPES } from '../../src/actors/assembler-commands.ts'
import { generationDigest } from '../../src/actors/generation-ring.ts'
import type { HmSupplies } from '../../src/actors/signing-session.ts'
import type { SignedRequest } from '../../src/host/api/coordinator-service.ts'
import { decodeEnvelope } from '../../src/protocol/channel/envelope.ts'
import { sessionId as sessionIdOf } from '../../src/protocol/channel/setup.ts'
import { toHex } from '../../src/protocol/engine/bytes.ts'
import type { SetupFields } from '../../src/protocol/frames/setup-frame.ts'
import {
  OPEN_SIGNING,
  REPLY,
  REPLY_TYPES,
  type Reply,
  ROUND,
  ROUTES,
  type Route,
  STATUS,
  STATUS_REQUEST,
} from '../../src/protocol/frames/signer-frames.ts'
import { CERTIFICATE } from '../../src/protocol/keygen/certificate.ts'
import type { PublicPackage } from '../../src/protocol/keygen/key-record.ts'
import { requestHash } from '../../src/protocol/request/authorize.ts'
import { signingInput } from '../../src/protocol/request/digest.ts'
import { parseDocument, type SignDocument } from '../../src/protocol/request/document.ts'
import { instanceBytes, messageDigest, purposeOf } from '../../src/protocol/request/instance.ts'
import type { TestSet } from '../host/set/in-process-set.ts'

/** An item as the coordinator frames it; every field is the attacker's to choose. */
export interface Item {
  readonly instance: Uint8Array
  readonly requestId: string
  readonly request: {
    readonly document: Uint8Array
    readonly credentialId: string
    readonly alg: string
    readonly signature: Uint8Array
  }
}

/** Everything the signers of a session said in both rounds. */
interface Run {
  readonly sessionId: Uint8Array
  readonly first: readonly Reply[]
  readonly second: readonly Reply[]
}

const NO_TWEAK = new Uint8Array(32)
export const fresh = (length: number): Uint8Array => Uint8Array.from(randomBytes(length))

/** A coordinator that says what it likes to real signers. It has what a real one has: their routes, and no key at all. */
export function maliciousCoordinator(set: TestSet) {
  const assembler = new AssemblerActor(set.curves)
  const handler = (id: number, route: Route) => {
    const found = set.signers[id - 1]?.handlers[ROUTES[route]]
    if (found === undefined) throw new Error('no such signer or route')
    return found
  }
  const send = async (id: number, route: Route, frame: Uint8Array): Promise<Uint8Array> =>
    await handler(id, route)(Uint8Array.from(frame))
  const ask = async (id: number, route: Route, frame: Uint8Array): Promise<Reply> => REPLY.decode(await send(id, route, frame))

  const packageOf = (keyId: Uint8Array): PublicPackage => {
    const row = set.store.getKey(keyId)
    if (row === undefined) throw new Error('no such key')
    return CERTIFICATE.decode(row.certificate).key
  }

  const framed = (request: SignedRequest): Item['request'] => {
    const [authorization] = request.authorizations
    return {
      document: request.document,
      credentialId: authorization?.credentialId ?? '',
      alg: authorization?.alg ?? '',
      signature: authorization?.signature ?? new Uint8Array(0),
    }
  }

  /** What an honest coordinator would frame. */
  const itemOf = (request: SignedRequest): Item => {
    const document = parseDocument(request.document) as SignDocument
    const key = packageOf(document.keyId)
    return {
      instance: instanceBytes({
        keyId: document.keyId,
        epochId: key.epochId,
        path: 'm',
        tweak: NO_TWEAK,
        publicKey: key.publicKey,
        digest: messageDigest(document.scheme, signingInput(document.scheme, document.payload)),
        requestHash: requestHash(request.document),
      }),
      requestId: document.requestId,
      request: framed(request),
    }
  }

  const setupOf = (changes: Partial<SetupFields>): SetupFields => ({
    protocol: 'frost',
    suite: 'eddsa-ed25519',
    keyId: new Uint8Array(32),
    epoch: 0,
    rosterHash: set.roster.hash,
    threshold: 2,
    signers: [1, 2],
    boots: (changes.signers ?? [1, 2]).map((id) => set.signers[id - 1]?.actor.bootNonce ?? fresh(32)),
    deadline: Date.now() + 5000,
    coordinatorNonce: fresh(32),
    ...changes,
  })

  const openFrame = (setup: SetupFields, items: readonly Item[], supplies?: HmSupplies): Uint8Array =>
    OPEN_SIGNING.encode({
      setup,
      generation: supplies?.digest ?? new Uint8Array(0),
      tickets: supplies?.tickets ?? [],
      pairs: [],
      items,
    })

  const signingSessionId = (setup: SetupFields, items: readonly Item[]): Uint8Array =>
    sessionIdOf({ ...setup, purpose: purposeOf(items.map((i) => i.instance)) })

  const roundFrame = (sessionId: Uint8Array, round: number, envelopes: readonly Uint8Array[]): Uint8Array =>
    ROUND.encode({ sessionId, round, envelopes })

  /** One ticket of each signer and the generation all of them hold; after a restart the set's own coordinator makes a new one first. */
  const supplies = async (threshold = 2, signers: readonly number[] = [1, 2, 3]): Promise<HmSupplies> => {
    for (;;) {
      await set.prss.ensure(threshold, signers)
      const states = await Promise.all(
        signers.map(async (id) => STATUS.decode(await send(id, 'status', STATUS_REQUEST.encode({ tickets: 1 })))),
      )
      const digests = states.map((s) => generationDigest(s.generations.find((g) => g.threshold === threshold)?.kids ?? []))
      const kids = states[0]?.generations.find((g) => g.threshold === threshold)?.kids ?? []
      if (kids.length > 0 && new Set(digests.map(toHex)).size === 1) {
        return { kids, digest: generationDigest(kids), tickets: states.map((s) => s.tickets[0] as Uint8Array) }
      }
      await sleep(20)
    }
  }

  /** Both rounds with all signers of the set-up that exist, every reply kept. */
  const run = async (setup: SetupFields, items: readonly Item[], hm?: HmSupplies) => {
    const frame = openFrame(setup, items, hm)
    const sessionId = signingSessionId(setup, items)
    const reachable = setup.signers.filter((id) => set.signers[id - 1] !== undefined)
    const first = await Promise.all(reachable.map((id) => ask(id, 'openSigning', frame)))
    const envelopes = first.flatMap((reply) => reply.envelopes)
    const relayed = roundFrame(sessionId, 1, envelopes)
    const second = await Promise.all(reachable.map((id) => ask(id, 'round', relayed)))
    return { sessionId, first, second, relayed }
  }

  /** Puts the answers of a run together, as an honest assembler would. @param meant items with documents that can be read */
  const combine = (
    setup: SetupFields,
    items: readonly Item[],
    { sessionId, first, second }: Run,
    { hm, meant = items }: { readonly hm?: HmSupplies | undefined; readonly meant?: readonly Item[] } = {},
  ) => {
    const body = (reply: Reply) => decodeEnvelope(reply.envelopes[0] ?? new Uint8Array(0))?.body ?? new Uint8Array(0)
    return ASSEMBLED.decode(
      assembler.call(
        ASSEMBLE.encode({
          engine: setup.protocol,
          scheme: setup.suite,
          sessionId,
          threshold: setup.threshold,
          signers: setup.signers,
          kids: hm?.kids ?? [],
          tickets: hm?.tickets ?? [],
          items: items.map(({ instance }, b) => {
            const document = parseDocument((meant[b] as Item).request.document) as SignDocument
            const key = packageOf(document.keyId)
            return {
              instance,
              input: signingInput(document.scheme, document.payload),
              publicKey: key.publicKey,
              verifyingShares: setup.signers.map((id) => key.verificationShares[key.parties.indexOf(id)] as Uint8Array),
            }
          }),
          openings: first.map(body),
          answers: second.map(body),
        }),
      ),
    )
  }

  /** What came of each item: `signed`, the refusals of the signers, or how the session ended for all of them. */
  const outcomes = async (
    setup: SetupFields,
    items: readonly Item[],
    more: { readonly hm?: HmSupplies; readonly meant?: readonly Item[] } = {},
  ): Promise<readonly string[]> => {
    const both = await run(setup, items, more.hm)
    const refused = both.first.find((reply) => reply.type === REPLY_TYPES.refused)
    if (refused !== undefined) return items.map(() => refused.code)
    const { code, outcomes: ends } = combine(setup, items, both, more)
    if (code !== '') return items.map(() => code)
    return ends.map((end) => {
      if (end.type === OUTCOME_TYPES.signed) return 'signed'
      return end.type === OUTCOME_TYPES.failed ? end.code : [...new Set(end.refusals.map((r) => r.why))].join()
    })
  }

  return {
    send,
    ask,
    itemOf,
    framed,
    setupOf,
    openFrame,
    roundFrame,
    signingSessionId,
    supplies,
    run,
    combine,
    outcomes,
    packageOf,
  }
}
