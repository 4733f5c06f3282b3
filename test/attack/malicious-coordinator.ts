import { randomBytes } from 'node:crypto'
import { AssemblerActor } from '../../src/actors/assembler-actor.ts'
import { ASSEMBLE, ASSEMBLED } from '../../src/actors/assembler-commands.ts'
import { generationDigest } from '../../src/actors/generation-ring.ts'
import type { HmSupplies } from '../../src/actors/signing-session.ts'
import type { SignedRequest } from '../../src/host/api/coordinator-service.ts'
import { decodeEnvelope } from '../../src/protocol/channel/envelope.ts'
import { sessionId as sessionIdOf } from '../../src/protocol/channel/setup.ts'
import { equalBytes } from '../../src/protocol/engine/bytes.ts'
import type { SetupFields } from '../../src/protocol/frames/setup-frame.ts'
import {
  OPEN_KEYGEN,
  OPEN_SIGNING,
  REPLY,
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
import { parseDocument, type Scheme, type SignDocument } from '../../src/protocol/request/document.ts'
import { parseKeyId } from '../../src/protocol/request/ids.ts'
import { instanceBytes, messageDigest, purposeOf } from '../../src/protocol/request/instance.ts'
import type { inProcessSet } from '../host/set/in-process-set.ts'

export type TestSet = Awaited<ReturnType<typeof inProcessSet>>

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

  const packageOf = (keyId: string): PublicPackage => {
    const row = set.store.getKey(parseKeyId(keyId) as Uint8Array)
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
    const key = packageOf(`key_${Buffer.from(document.keyId).toString('hex')}`)
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
    deadline: Date.now() + 5000,
    coordinatorNonce: fresh(32),
    ...changes,
  })

  const openFrame = (setup: SetupFields, items: readonly Item[], supplies?: HmSupplies): Uint8Array =>
    OPEN_SIGNING.encode({ setup, generation: supplies?.digest ?? new Uint8Array(0), tickets: supplies?.tickets ?? [], items })

  const signingSessionId = (setup: SetupFields, items: readonly Item[]): Uint8Array =>
    sessionIdOf({ ...setup, purpose: purposeOf(items.map((i) => i.instance)) })

  const roundFrame = (sessionId: Uint8Array, round: number, envelopes: readonly Uint8Array[]): Uint8Array =>
    ROUND.encode({ sessionId, round, envelopes })

  /** One ticket of each signer and the generation all of them hold. */
  const supplies = async (threshold = 2, signers: readonly number[] = [1, 2, 3]): Promise<HmSupplies> => {
    await set.prss.ensure(threshold, signers)
    const states = await Promise.all(
      signers.map(async (id) => STATUS.decode(await send(id, 'status', STATUS_REQUEST.encode({ tickets: 1 })))),
    )
    const kids = states[0]?.generations.find((g) => g.threshold === threshold)?.kids ?? []
    return { kids, digest: generationDigest(kids), tickets: states.map((s) => s.tickets[0] as Uint8Array) }
  }

  /** Both rounds with all signers of the set-up, every reply kept. */
  const run = async (setup: SetupFields, items: readonly Item[], hm?: HmSupplies) => {
    const frame = openFrame(setup, items, hm)
    const sessionId = signingSessionId(setup, items)
    const first = await Promise.all(setup.signers.map((id) => ask(id, 'openSigning', frame)))
    const envelopes = first.flatMap((reply) => reply.envelopes)
    const relayed = roundFrame(sessionId, 1, envelopes)
    const second = await Promise.all(setup.signers.map((id) => ask(id, 'round', relayed)))
    return { sessionId, first, second, relayed }
  }

  /** Puts the answers of a run together, as an honest assembler would: a signature or the reason why there is none. */
  const combine = (
    scheme: Scheme,
    setup: SetupFields,
    items: readonly Item[],
    run: { sessionId: Uint8Array; first: readonly Reply[]; second: readonly Reply[] },
    hm?: HmSupplies,
  ) => {
    const body = (reply: Reply) => decodeEnvelope(reply.envelopes[0] ?? new Uint8Array(0))?.body ?? new Uint8Array(0)
    return ASSEMBLED.decode(
      assembler.call(
        ASSEMBLE.encode({
          engine: setup.protocol,
          scheme,
          sessionId: run.sessionId,
          threshold: setup.threshold,
          signers: setup.signers,
          kids: hm?.kids ?? [],
          tickets: hm?.tickets ?? [],
          items: items.map((item) => {
            const document = parseDocument(item.request.document) as SignDocument
            const key = packageOf(`key_${Buffer.from(document.keyId).toString('hex')}`)
            return {
              instance: item.instance,
              input: signingInput(document.scheme, document.payload),
              publicKey: key.publicKey,
              verifyingShares: setup.signers.map((id) => key.verificationShares[key.parties.indexOf(id)] as Uint8Array),
            }
          }),
          openings: run.first.map(body),
          answers: run.second.map(body),
        }),
      ),
    )
  }

  /** A key generation with a document of the attacker's choice; returns what the signers said in the end. */
  const generate = async (request: SignedRequest, changes: Partial<SetupFields> = {}) => {
    const document = parseDocument(request.document)
    if (document.type !== 'keygen.v1') throw new Error('no key generation')
    const { scheme, threshold, requestId } = document
    return {
      scheme,
      threshold,
      requestId,
      frame: (setup: SetupFields) => OPEN_KEYGEN.encode({ setup, requestId, request: framed(request) }),
      changes,
    }
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
    packageOf,
    generate,
    equalBytes,
  }
}
