import type { HttpBindings } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { boundedBody } from './bounded-body.ts'
import { MSGPACK } from './peer.ts'
import { peerFingerprint } from './tls-server.ts'

/** Octets in, octets out. Whatever else it throws becomes a 500 without a body, so peers learn nothing from it. */
export type PeerHandler = (body: Uint8Array, peer: { readonly fingerprint: string }) => Promise<Uint8Array>

/** Thrown by a handler for octets that are no message of its route: the peer's fault, and no error of ours. */
export class UnreadableMessage extends Error {}

export interface PeerRoutesOptions {
  /** By path, e.g. `/v1/round`. Only POST exists. */
  readonly handlers: Readonly<Record<string, PeerHandler>>
  readonly maxBytes: number
  /** Requests in hand at most, counted from before their body is read. */
  readonly maxConcurrent?: number
  /** Bytes of the bodies of requests in hand at most, counted as announced (`maxBytes` if they are not), and of answers nobody has read yet. */
  readonly maxHeldBytes?: number
  readonly onError: (error: unknown, path: string) => void
}

/** Ten of the largest frames: the connections of one coordinator never reach it. */
const MAX_HELD_BYTES = 256 * 2 ** 20

/**
 * The routes between peers. Answers: 200 msgpack; 400 {@link UnreadableMessage}; 403 no client certificate; 404 unknown path; 413 body over `maxBytes`;
 * 415 not msgpack; 500 the handler threw; 503 `maxConcurrent` or `maxHeldBytes` reached. All but 200 have an empty body.
 */
export function peerRoutes(options: PeerRoutesOptions): Hono {
  const { handlers, maxBytes, maxConcurrent = 256, maxHeldBytes = MAX_HELD_BYTES, onError } = options
  const app = new Hono()
  app.notFound((c) => c.body(null, 404))
  app.onError((error, c) => c.body(null, error instanceof HTTPException ? error.status : 500))

  let inHand = 0
  let held = 0
  /** The largest answers are as long as the largest frames, the same one may be asked for on every connection, and nobody has to read. */
  const holdUntilRead = (c: Context, length: number): void => {
    const { outgoing }: Partial<HttpBindings> = c.env ?? {}
    if (outgoing === undefined || outgoing.closed) return
    held += length
    outgoing.once('close', () => {
      held -= length
    })
  }
  for (const [path, handler] of Object.entries(handlers)) {
    app.post(path, async (c) => {
      // The server already refuses such a connection; if it were ever set up otherwise, nobody gets in as nobody.
      const fingerprint = peerFingerprint(c)
      if (fingerprint === null) return c.body(null, 403)
      if (c.req.header('content-type') !== MSGPACK) return c.body(null, 415)
      const declared = Number(c.req.header('content-length') ?? maxBytes)
      // Whatever is larger is refused below without being read.
      const announced = declared <= maxBytes ? declared : 0
      if (inHand >= maxConcurrent || held + announced > maxHeldBytes) return c.body(null, 503)
      inHand += 1
      held += announced
      try {
        const body = await boundedBody(c, maxBytes)
        try {
          const answer = await handler(body, { fingerprint })
          holdUntilRead(c, answer.length)
          return c.body(answer as Uint8Array<ArrayBuffer>, 200, { 'content-type': MSGPACK })
        } catch (error) {
          if (error instanceof UnreadableMessage) return c.body(null, 400)
          onError(error, path)
          return c.body(null, 500)
        }
      } finally {
        inHand -= 1
        held -= announced
      }
    })
  }
  return app
}
