import { z } from '@hono/zod-openapi'
import type { Curves } from '../../protocol/curve/curves.ts'
import { fromHex, toHex } from '../../protocol/engine/bytes.ts'
import { signingInput } from '../../protocol/request/digest.ts'
import { isEcdsa, type Payload, parseDocument, type SignDocument } from '../../protocol/request/document.ts'
import { formatKeyId } from '../../protocol/request/ids.ts'
import type { SignatureView } from '../api/coordinator-service.ts'
import { ApiProblem } from '../api/problem.ts'
import { MAX_WAIT_MS, SessionId } from '../api/schemas.ts'
import { toProblem } from '../api/to-problem.ts'
import { verifySignature } from '../api/verify-signature.ts'
import { timed } from '../metrics.ts'
import type { GatewayRequest } from '../store/gateway-store.ts'
import { type CoordinatorClient, passOn } from './coordinator-client.ts'
import type { GatewayMetrics, GatewayStage } from './gateway-metrics.ts'
import type { CertifiedKey, KeyDirectory } from './key-directory.ts'
import type { Principal } from './principal.ts'
import type { BookedRequest, RequestBook } from './request-book.ts'

/** What a user wants signed. */
export interface SignWish {
  /** `key_…` */
  readonly keyId: string
  readonly path: 'm'
  readonly payload: Payload
  readonly requestId: string | undefined
}

export interface SigningDesk {
  /** @throws ApiProblem, RequestError, PeerError, StoreError */
  readonly sign: (principal: Principal, wish: SignWish, waitMs: number) => Promise<SignatureView>
  /** One outcome per wish, in order; problems are values here, and a wish that is one already stays it. */
  readonly signAll: (
    principal: Principal,
    wishes: readonly (SignWish | ApiProblem)[],
    waitMs: number,
  ) => Promise<readonly (SignatureView | ApiProblem)[]>
  /** @throws ApiProblem not_found, also for signatures of other principals */
  readonly read: (principal: Principal, signatureId: string, waitMs: number) => Promise<SignatureView>
}

/** What the coordinator may take beyond the wait it was asked for, before we call it silent. */
const MARGIN_MS = 10_000
/** Documents made, or signatures verified, after which other work gets its turn: a few milliseconds. */
const BURST = 16

/** The parts of a coordinator's answer that are read at all. Everything else is known here already, from better sources. */
const Answer = z.object({
  state: z.enum(['signed', 'pending_signing', 'failed']),
  signature: z
    .object({ serialized: z.string().regex(/^0x[0-9a-f]{128}(1b|1c)?$/), y_parity: z.int().min(0).max(1).optional() })
    .nullable(),
  engine: z.enum(['hm', 'dkls23', 'frost']),
  signers: z.array(z.int().min(1).max(65534)).max(16),
  session_id: SessionId.optional(),
  timing_ms: z.object({ queue: z.number(), sign: z.number(), total: z.number() }),
})

const BatchAnswer = z.object({ items: z.array(z.object({ signature: z.unknown().optional(), problem: z.unknown().optional() })) })

const unproven = (why: string): ApiProblem =>
  new ApiProblem('protocol_abort', 'what came back is not a signature under this key', { cause: new Error(why) })

interface Prepared {
  readonly booked: BookedRequest
  readonly key: CertifiedKey
}

/** Turns wishes into requests, has them signed, and lets nothing out that it has not verified itself (decisions.md 2). */
export function createSigningDesk(options: {
  readonly coordinator: CoordinatorClient
  readonly book: RequestBook
  readonly keys: KeyDirectory
  readonly curves: Curves
  readonly metrics: GatewayMetrics
}): SigningDesk {
  const { coordinator, book, keys, curves, metrics } = options
  const measured = (stage: GatewayStage) => (ms: number) => metrics.stage(stage, ms)

  const verified = async (row: GatewayRequest, key: CertifiedKey, json: unknown): Promise<SignatureView> => {
    const answer = Answer.safeParse(json)
    if (!answer.success) throw unproven('an answer of another form')
    const { state, signature, engine, signers, session_id: sessionId, timing_ms: timingMs } = answer.data
    const { payload, path } = parseDocument(row.document) as SignDocument
    const input = signingInput(key.scheme, payload)
    const view = {
      id: row.signatureId as string,
      requestId: row.requestId,
      keyId: formatKeyId(key.keyId),
      keyEpoch: key.epoch,
      path,
      publicKey: `0x${toHex(key.publicKey)}`,
      digest: key.scheme === 'eddsa-ed25519' ? null : `0x${toHex(input)}`,
      engine,
      signers,
      ...(sessionId === undefined ? {} : { sessionId }),
      timingMs,
    }
    if (state !== 'signed') return { ...view, state, signature: null }
    const compact = fromHex(signature?.serialized.slice(2, 130) ?? '')
    const yParity = signature?.y_parity ?? 0
    if (!verifySignature(curves, { scheme: key.scheme, publicKey: key.publicKey, input, signature: compact, yParity })) {
      throw unproven('the signature does not verify')
    }
    const { scheme } = key
    return {
      ...view,
      state,
      signature: isEcdsa(scheme) ? { scheme, compact, recovery: yParity } : { scheme, compact },
    }
  }

  /** The one door for signatures. A promise, so that verifying can move to a worker. */
  const judge = (row: GatewayRequest, key: CertifiedKey, json: unknown): Promise<SignatureView> =>
    timed(measured('judge'), () => verified(row, key, json))

  const forward = (path: string, body: string, waitMs: number) =>
    timed(measured('forward'), () => coordinator.post(`${path}?wait_ms=${waitMs}`, body, waitMs + MARGIN_MS))

  const prepare = async (principal: Principal, wish: SignWish): Promise<Prepared> => {
    if (wish.payload.kind === 'digest' && !principal.scopes.has('digest')) {
      throw new ApiProblem('raw_digest_forbidden', 'signing a bare digest needs the scope digest')
    }
    const key = keys.get(principal.tenantId, wish.keyId)
    const { path, payload } = wish
    const { keyId, scheme } = key
    const booked = await timed(measured('book'), () =>
      book.book(principal, wish.requestId, { type: 'sign.v1', keyId, scheme, path, payload }),
    )
    return { booked, key }
  }

  const prepareItem = async (principal: Principal, wish: SignWish): Promise<Prepared | ApiProblem> => {
    try {
      return await prepare(principal, wish)
    } catch (error) {
      const problem = toProblem(error)
      return wish.requestId === undefined ? problem : problem.withRequest(wish.requestId)
    }
  }

  const forwardAll = async (bodies: readonly string[], waitMs: number): Promise<z.infer<typeof BatchAnswer>['items']> => {
    const { json } = await forward('/api/v1/sign/batch', `{"items":[${bodies.join(',')}]}`, waitMs)
    const answer = BatchAnswer.safeParse(json)
    if (!answer.success || answer.data.items.length !== bodies.length) throw unproven('a batch of another form')
    return answer.data.items
  }

  const desk: SigningDesk = {
    sign: async (principal, wish, waitMs) => {
      const { booked, key } = await prepare(principal, wish)
      try {
        const { json } = await forward('/api/v1/sign', booked.body, waitMs)
        return await judge(booked.row, key, json)
      } catch (error) {
        throw toProblem(error).withRequest(booked.requestId)
      }
    },

    signAll: async (principal, wishes, waitMs) => {
      const preparing: Promise<Prepared | ApiProblem>[] = []
      for (const [i, wish] of wishes.entries()) {
        if (i % BURST === BURST - 1) await new Promise(setImmediate)
        preparing.push(wish instanceof ApiProblem ? Promise.resolve(wish) : prepareItem(principal, wish))
      }
      const prepared = await Promise.all(preparing)
      // The same request twice in one batch is sent once; both places get its outcome.
      const bodies = new Map<string, string>()
      for (const item of prepared)
        if (!(item instanceof ApiProblem)) bodies.set(item.booked.row.signatureId as string, item.booked.body)
      const order = new Map([...bodies.keys()].map((id, i) => [id, i]))
      let answers: z.infer<typeof BatchAnswer>['items'] = []
      let failure: ApiProblem | undefined
      try {
        if (bodies.size > 0) answers = await forwardAll([...bodies.values()], waitMs)
      } catch (error) {
        failure = toProblem(error)
      }
      const results: (SignatureView | ApiProblem)[] = []
      for (const [i, item] of prepared.entries()) {
        if (i % BURST === BURST - 1) await new Promise(setImmediate)
        if (item instanceof ApiProblem) {
          results.push(item)
          continue
        }
        const { booked, key } = item
        try {
          if (failure !== undefined) throw failure
          const answer = answers[order.get(booked.row.signatureId as string) as number]
          if (answer?.problem !== undefined) throw passOn(answer.problem)
          results.push(await judge(booked.row, key, answer?.signature))
        } catch (error) {
          results.push(toProblem(error).withRequest(booked.requestId))
        }
      }
      return results
    },

    read: async (principal, signatureId, waitMs) => {
      const row = book.bySignature(principal, signatureId)
      if (row === undefined) throw new ApiProblem('not_found', 'no signature of yours has this id')
      const document = parseDocument(row.document) as SignDocument
      const key = keys.get(principal.tenantId, formatKeyId(document.keyId))
      const wait = Math.min(waitMs, MAX_WAIT_MS)
      const { json } = await coordinator.get(`/api/v1/signatures/${signatureId}?wait_ms=${wait}`, wait + MARGIN_MS)
      return judge(row, key, json)
    },
  }
  return {
    ...desk,
    sign: (...call) => timed(measured('total'), () => desk.sign(...call)),
    signAll: (...call) => timed(measured('total'), () => desk.signAll(...call)),
  }
}
