import type { TLSSocket } from 'node:tls'
import { Client, type Dispatcher } from 'undici'
import { type CallOptions, MSGPACK, type Peer, PeerError } from './peer.ts'
import { type Pin, pinnedConnect } from './pinned-connect.ts'

export interface PeerClientOptions {
  /** Origin, `https://host:port`. */
  readonly url: string
  /** The peer's configured name; appears in errors. */
  readonly name: string
  /** PEM of our own certificate and key. */
  readonly tls?: { readonly key: string; readonly cert: string }
  readonly pin: Pin
  /** Connections at most, which is also the number of requests in flight (HTTP/1.1, never pipelined); the rest waits. */
  readonly connections?: number
  readonly connectTimeoutMs?: number
  readonly maxResponseBytes?: number
  /** Calls under way and waiting together; further ones end as `aborted` at once. */
  readonly maxCalls?: number
}

export interface HttpRequest extends CallOptions {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
}

export interface HttpAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Uint8Array
}

export interface PeerClient extends Peer {
  /** One HTTP exchange of any kind, for JSON interfaces; every status is an answer. Same guarantees and errors as `post`. */
  request(request: HttpRequest): Promise<HttpAnswer>
}

interface Call {
  readonly options: Dispatcher.DispatchOptions
  /** The first end wins. */
  readonly end: (outcome: HttpAnswer | Error) => void
  ended: boolean
  /** Set when the request is about to be written. */
  control: Dispatcher.DispatchController | undefined
}

/**
 * Calls to one host over a fixed number of connections, made when first needed and remade after a failure.
 * One undici Client per connection and a queue of our own instead of undici's Pool, whose queue has no bound and no way to
 * withdraw a request, and which loses sight of connections that failed once (they would outlive `close()`).
 */
export function createPeerClient(options: PeerClientOptions): PeerClient {
  const { name, connections = 8, connectTimeoutMs = 2_000, maxResponseBytes = 16 * 2 ** 20, maxCalls = 4_096 } = options
  const sockets = new Set<TLSSocket>() // at most `connections`
  const connect = pinnedConnect({ name, tls: options.tls, pin: options.pin, timeoutMs: connectTimeoutMs }, sockets)
  const clients = Array.from(
    { length: connections },
    // Timeouts are off because every call has a deadline of its own, which also covers waiting and connecting.
    () =>
      new Client(options.url, { connect, pipelining: 1, headersTimeout: 0, bodyTimeout: 0, maxResponseSize: maxResponseBytes }),
  )
  const idle = [...clients]
  const waiting = new Set<Call>() // first in, first out; a part of `calls`
  const calls = new Set<Call>() // at most maxCalls
  let closing: Promise<void> | undefined

  const run = (client: Client, call: Call): void => {
    let status = 0
    let headers: HttpAnswer['headers'] = {}
    const chunks: Uint8Array[] = []
    const release = () => {
      const next = waiting.values().next().value
      if (next === undefined) idle.push(client)
      else {
        waiting.delete(next)
        run(client, next)
      }
    }
    client.dispatch(call.options, {
      onRequestStart: (control) => {
        // Ended while connecting: keep it off the wire. A second start would be undici re-sending what a peer may have acted on.
        if (call.ended || call.control !== undefined) throw new PeerError('unreachable', name, 'NOT_SENT_AGAIN')
        call.control = control
      },
      onResponseStart: (_control, statusCode, received) => {
        status = statusCode
        headers = received
      },
      onResponseData: (_control, chunk) => {
        chunks.push(chunk)
      },
      onResponseEnd: () => {
        call.end({ status, headers, body: join(chunks) })
        release()
      },
      onResponseError: (_control, error) => {
        call.end(asPeerError(error, name))
        release()
      },
    })
  }

  const send = (request: HttpRequest): Promise<HttpAnswer> =>
    new Promise((resolve, reject) => {
      const { method, path, headers, body, timeoutMs, signal } = request
      const refuse = (code: string) => reject(new PeerError('aborted', name, code))
      if (closing !== undefined) return refuse('CLOSED')
      if (signal?.aborted) return refuse('SIGNAL')
      if (calls.size >= maxCalls) return refuse('TOO_MANY_CALLS')

      const call: Call = {
        options: { method, path, headers: headers ?? {}, body: body ?? null },
        ended: false,
        control: undefined,
        end: (outcome) => {
          if (call.ended) return
          call.ended = true
          calls.delete(call)
          waiting.delete(call)
          clearTimeout(timer)
          signal?.removeEventListener('abort', onAbort)
          if (outcome instanceof Error) {
            reject(outcome)
            // Nothing else may use a connection on which an answer may still come. No effect if it is gone already.
            call.control?.abort(outcome)
          } else resolve(outcome)
        },
      }
      // One look at the sockets first: after a stall of our own, timers run before the answers that arrived meanwhile are read, and
      // every peer would seem silent at once.
      const expire = () => setImmediate(() => call.end(new PeerError('timeout', name, 'DEADLINE')))
      const timer = setTimeout(expire, timeoutMs)
      const onAbort = () => call.end(new PeerError('aborted', name, 'SIGNAL'))
      signal?.addEventListener('abort', onAbort, { once: true })
      calls.add(call)
      const client = idle.pop() // last in, first out: as few connections as the load needs, the others time out
      if (client) run(client, call)
      else waiting.add(call)
    })

  const shutDown = async (): Promise<void> => {
    waiting.clear()
    for (const call of calls) call.end(new PeerError('aborted', name, 'CLOSED'))
    const closed = [...sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)))
    await Promise.all(clients.map((client) => client.destroy()))
    // Those that are still connecting are unknown to their Client.
    for (const socket of sockets) socket.destroy()
    await Promise.all(closed)
  }

  return {
    name,
    request: send,
    post: async (path, body, callOptions) => {
      const answer = await send({ ...callOptions, method: 'POST', path, headers: { 'content-type': MSGPACK }, body })
      if (answer.status !== 200) throw new PeerError('bad_response', name, `HTTP_${answer.status}`, answer.status)
      if (answer.headers['content-type'] !== MSGPACK) throw new PeerError('bad_response', name, 'CONTENT_TYPE', answer.status)
      return answer.body
    },
    close: () => (closing ??= shutDown()),
  }
}

/** One copy into memory of our own: the chunks are views of the socket's read buffers. */
function join(chunks: readonly Uint8Array[]): Uint8Array {
  const body = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    body.set(chunk, at)
    at += chunk.length
  }
  return body
}

/** undici's stable codes (and the name of its one error without a code) for an answer that is not HTTP, or more than we take. */
const BAD_RESPONSE = /^(HTTPParserError|UND_ERR_(RES_EXCEEDED_MAX_SIZE|HEADERS_OVERFLOW|RES_CONTENT_LENGTH_MISMATCH))$/

/** Everything that is no answer and not ours means that there is no connection to the peer. The original may quote peer bytes. */
function asPeerError(error: Error & { code?: unknown }, name: string): Error {
  // Our own connector's verdict; or a caller's mistake (a malformed path), which must not look like a network's.
  if (error instanceof PeerError || error.code === 'UND_ERR_INVALID_ARG' || error.code === 'UND_ERR_NOT_SUPPORTED') return error
  const code = typeof error.code === 'string' ? error.code : error.name
  return new PeerError(BAD_RESPONSE.test(code) ? 'bad_response' : 'unreachable', name, code)
}
