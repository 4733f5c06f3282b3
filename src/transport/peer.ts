/** What the rest of the program knows of another host: octets out, octets in, one kind of error. */
export interface Peer {
  /** The configured name, for logs and for naming who is missing. */
  readonly name: string
  /**
   * One exchange: POST of msgpack octets, answered with msgpack octets (a fresh copy). Handed to the network at most once;
   * a retry is the caller's decision. `body` must not change until the promise settles.
   * @throws PeerError
   */
  post(path: string, body: Uint8Array, options: CallOptions): Promise<Uint8Array>
  /** Ends every call under way as `aborted` and closes the connections; resolves when none is left. */
  close(): Promise<void>
}

export interface CallOptions {
  /** Milliseconds for the whole call: waiting for a free connection, connecting, sending, answer. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

/**
 * Why a call gave no usable answer.
 * - `unreachable`: no connection, or it broke. The peer may or may not have seen the request.
 * - `timeout`: the deadline passed. The peer may or may not have seen the request.
 * - `identity`: another certificate than the configured one answered. The request was not sent.
 * - `bad_response`: the peer answered, but not with 200 and msgpack within the size limit; `status` if HTTP got that far.
 * - `aborted`: our own doing (the caller's signal, `close()`, too many calls waiting); says nothing about the peer.
 */
export type PeerErrorKind = 'unreachable' | 'timeout' | 'identity' | 'bad_response' | 'aborted'

/** Carries no byte that the peer sent, so that it can be logged and passed on as it is. */
export class PeerError extends Error {
  readonly kind: PeerErrorKind
  /** Name of the peer that was called. */
  readonly peer: string
  /** For the log: `ECONNREFUSED`, `DEADLINE`, `HTTP_503`, ... Decide by `kind`, never by this. */
  readonly code: string
  /** HTTP status of a `bad_response`, where one arrived. */
  readonly status: number | undefined

  constructor(kind: PeerErrorKind, peer: string, code: string, status?: number) {
    super(`${peer}: ${kind} (${code})`)
    this.name = 'PeerError'
    this.kind = kind
    this.peer = peer
    this.code = code
    this.status = status
  }
}

/** The only content type between peers; anything else is refused on both sides. */
export const MSGPACK = 'application/msgpack'
