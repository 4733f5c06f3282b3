import { describe, expect, it } from 'vitest'
import type { PeerHandler } from '../../src/transport/inbound.ts'
import { createLoopbackPeer } from '../../src/transport/loopback.ts'
import type { Peer } from '../../src/transport/peer.ts'
import { bytes, call, coordinator, failure, startSigner, text } from './fixture/set.ts'

const IN_TIME = { timeoutMs: 5000 }

interface Link extends AsyncDisposable {
  readonly peer: Peer
  readonly errors: readonly unknown[]
}
type Handlers = Record<string, PeerHandler>

/** What the rest of the program may rely on, asked of the real thing and of its twin. */
const links: [string, (handlers: Handlers) => Promise<Link>][] = [
  [
    'over TLS',
    async (handlers) => {
      const server = await startSigner({ handlers })
      const peer = call(server.url)
      const dispose = async () => {
        await peer.close()
        await server.close()
      }
      return { peer, errors: server.errors, [Symbol.asyncDispose]: dispose }
    },
  ],
  [
    'in process',
    async (handlers) => {
      const errors: unknown[] = []
      const peer = createLoopbackPeer({
        name: 'signer-1',
        handlers,
        fingerprint: coordinator.fingerprint,
        maxBytes: 4096,
        onError: (error) => errors.push(error),
      })
      return { peer, errors, [Symbol.asyncDispose]: peer.close }
    },
  ],
]

describe.each(links)('a peer %s', (_name, connect) => {
  const never = () => new Promise<Uint8Array>(() => undefined)

  it('answers, in memory that nobody else writes to, and knows the caller', async () => {
    const kept: Uint8Array[] = []
    const seen: string[] = []
    const keep = async (body: Uint8Array, from: { fingerprint: string }) => {
      kept.push(body)
      seen.push(from.fingerprint)
      return body
    }
    await using link = await connect({ '/keep': keep })
    const sent = bytes('hello')
    const received = await link.peer.post('/keep', sent, IN_TIME)
    expect(text(received)).toBe('hello')
    received.fill(0)
    sent.fill(0)
    expect(kept.map(text)).toEqual(['hello'])
    expect(seen).toEqual([coordinator.fingerprint])
  })

  it('reports refusals by status, and a failing handler to its own host only', async () => {
    const broken = new Error('broken')
    await using link = await connect({ '/broken': () => Promise.reject(broken), '/echo': async (body) => body })
    const end = (status: number) => ({ kind: 'bad_response', peer: 'signer-1', code: `HTTP_${status}`, status })
    expect(await failure(link.peer.post('/other', bytes('x'), IN_TIME))).toEqual(end(404))
    expect(await failure(link.peer.post('/toString', bytes('x'), IN_TIME))).toEqual(end(404))
    expect(await failure(link.peer.post('/echo', new Uint8Array(4097), IN_TIME))).toEqual(end(413))
    expect(link.errors).toEqual([])
    expect(await failure(link.peer.post('/broken', bytes('x'), IN_TIME))).toEqual(end(500))
    expect(link.errors).toEqual([broken])
  })

  it('ends at the deadline, by signal and by close', async () => {
    await using link = await connect({ '/never': never })
    const end = (kind: string, code: string) => ({ kind, peer: 'signer-1', code })
    expect(await failure(link.peer.post('/never', bytes('x'), { timeoutMs: 30 }))).toEqual(end('timeout', 'DEADLINE'))
    const options = { ...IN_TIME, signal: AbortSignal.timeout(30) }
    expect(await failure(link.peer.post('/never', bytes('x'), options))).toEqual(end('aborted', 'SIGNAL'))
    expect(await failure(link.peer.post('/never', bytes('x'), { ...IN_TIME, signal: AbortSignal.abort() }))).toEqual(
      end('aborted', 'SIGNAL'),
    )
    const pending = failure(link.peer.post('/never', bytes('x'), IN_TIME))
    await link.peer.close()
    expect(await pending).toEqual(end('aborted', 'CLOSED'))
    expect(await failure(link.peer.post('/never', bytes('x'), IN_TIME))).toEqual(end('aborted', 'CLOSED'))
  })
})
