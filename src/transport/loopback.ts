import type { PeerHandler } from './inbound.ts'
import { type Peer, PeerError, type PeerErrorKind } from './peer.ts'

/** What the "network" does to one call. */
export type LinkFault =
  /** The request never arrives, or its answer never returns: the caller waits until its deadline. */
  | { readonly type: 'drop'; readonly what: 'request' | 'answer' }
  /** The request arrives late. */
  | { readonly type: 'delay'; readonly ms: number }
  /** The handler runs twice on equal bytes; the caller gets the first answer. A real network does this if a caller retries. */
  | { readonly type: 'duplicate' }
  | { readonly type: 'unreachable' }

export interface LoopbackOptions {
  readonly name: string
  /** The same record as for `peerRoutes`. */
  readonly handlers: Readonly<Record<string, PeerHandler>>
  /** The caller's identity as the handlers see it. */
  readonly fingerprint: string
  readonly maxBytes?: number
  readonly onError?: (error: unknown, path: string) => void
  /** Asked once per call; `index` counts the calls of this peer from 0. */
  readonly fault?: (path: string, index: number) => LinkFault | undefined
}

/** Twin of a peer client whose other end is in this process: same interface, same errors, no sockets. For tests and simulators. */
export function createLoopbackPeer(options: LoopbackOptions): Peer {
  const { name, handlers, fingerprint, maxBytes = Number.POSITIVE_INFINITY } = options
  const closing = new AbortController()
  let calls = 0

  const deliver = async (path: string, body: Uint8Array): Promise<Uint8Array> => {
    const refuse = (status: number) => new PeerError('bad_response', name, `HTTP_${status}`, status)
    const handler = Object.hasOwn(handlers, path) ? handlers[path] : undefined
    if (handler === undefined) throw refuse(404)
    if (body.length > maxBytes) throw refuse(413)
    try {
      // Copied both ways, as a network does: neither side may see the other change its buffer later.
      return Uint8Array.from(await handler(Uint8Array.from(body), { fingerprint }))
    } catch (error) {
      options.onError?.(error, path)
      throw refuse(500)
    }
  }

  const travel = async (path: string, body: Uint8Array): Promise<Uint8Array> => {
    const fault = options.fault?.(path, calls++)
    if (fault?.type === 'unreachable') throw new PeerError('unreachable', name, 'ECONNREFUSED')
    if (fault?.type === 'drop' && fault.what === 'request') return never()
    if (fault?.type === 'delay') await new Promise((resolve) => setTimeout(resolve, fault.ms))
    const answer = deliver(path, body)
    if (fault?.type === 'duplicate') await Promise.allSettled([answer, deliver(path, body)])
    return fault?.type === 'drop' ? answer.then(never, never) : answer
  }

  return {
    name,
    post: async (path, body, { timeoutMs, signal }) => {
      const givenUp = Promise.withResolvers<never>()
      const giveUp = (kind: PeerErrorKind, code: string) => givenUp.reject(new PeerError(kind, name, code))
      const onClose = () => giveUp('aborted', 'CLOSED')
      const onSignal = () => giveUp('aborted', 'SIGNAL')
      if (closing.signal.aborted) onClose()
      if (signal?.aborted) onSignal()
      closing.signal.addEventListener('abort', onClose)
      signal?.addEventListener('abort', onSignal)
      const timer = setTimeout(() => giveUp('timeout', 'DEADLINE'), timeoutMs)
      try {
        const lost = closing.signal.aborted || signal?.aborted
        return await Promise.race(lost ? [givenUp.promise] : [givenUp.promise, travel(path, body)])
      } finally {
        clearTimeout(timer)
        closing.signal.removeEventListener('abort', onClose)
        signal?.removeEventListener('abort', onSignal)
      }
    },
    close: async () => closing.abort(),
  }
}

const never = () => new Promise<never>(() => undefined)
