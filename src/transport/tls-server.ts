import { constants } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { createServer, type Server } from 'node:https'
import { type AddressInfo, BlockList, isIPv6, type Socket } from 'node:net'
import { setDefaultHighWaterMark } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { createAdaptorServer, type HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { assertFingerprint, certificateFingerprint } from './fingerprint.ts'
import { answerUnreadable, SafeAnswer } from './safe-answer.ts'

/** More than the longest answer to a peer. */
const UNSENT_BYTES = 8 << 20

/**
 * Who may connect. `none`: certificates are not asked for. `request`: a client may prove one. `pinned`: it must prove one whose
 * fingerprint is in the set; the set is read at every handshake, so the host may change it.
 */
export type ClientPolicy =
  | { readonly mode: 'none' }
  | { readonly mode: 'request' }
  | { readonly mode: 'pinned'; readonly fingerprints: ReadonlySet<string> }

export interface ServerLimits {
  readonly handshakeTimeoutMs: number
  /** From the first moment of a request (or of the connection) to the end of its headers. */
  readonly headersTimeoutMs: number
  /** To the end of the body. The handler's own time is not counted. */
  readonly requestTimeoutMs: number
  /** Idle connections live this long. Clients are told and hang up two seconds earlier, so the two never race. */
  readonly keepAliveTimeoutMs: number
  /** A connection on which no byte goes either way for so long is closed, also if an answer waits for its reader. */
  readonly idleTimeoutMs: number
  readonly maxHeaderBytes: number
  readonly maxHeaders: number
  /** Further connections are closed as soon as they are accepted, before TLS. */
  readonly maxConnections: number
  /** Of them, those from one address (a /64 of IPv6), and those with one certificate. */
  readonly maxConnectionsEach: number
  /** After this many the client has to connect, and prove itself, anew. */
  readonly maxRequestsPerSocket: number
  /** How long `close()` waits for requests under way. */
  readonly drainMs: number
}

export const SERVER_LIMITS: ServerLimits = {
  handshakeTimeoutMs: 10_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 75_000,
  idleTimeoutMs: 120_000,
  maxHeaderBytes: 16_384,
  maxHeaders: 100,
  maxConnections: 4_096,
  maxConnectionsEach: 2_048,
  maxRequestsPerSocket: 1_000_000,
  drainMs: 5_000,
}

/** A connection that never reached HTTP, for log and metrics. */
export interface Refusal {
  readonly reason: 'address' | 'handshake' | 'certificate' | 'too_many'
  readonly address: string
  /** Of the certificate that was shown and is not pinned, or has too many connections; null without one. */
  readonly fingerprint: string | null
}

export interface TlsServerOptions {
  /** A Hono application's `fetch`. */
  readonly fetch: Parameters<typeof createAdaptorServer>[0]['fetch']
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  /** PEM. */
  readonly tls: { readonly key: string; readonly cert: string }
  readonly clients: ClientPolicy
  /** Addresses or networks (`10.0.0.0/8`) that may connect; everybody when absent. */
  readonly allowFrom?: readonly string[]
  readonly limits?: Partial<ServerLimits>
  readonly onRefused?: (refusal: Refusal) => void
}

export interface TlsServer {
  readonly url: string
  readonly port: number
  /** Stops accepting, lets requests under way finish for `drainMs`, then cuts what is left. Resolves when no socket is open. */
  close(): Promise<void>
}

/** Certificates proven on live connections. */
const peers = new WeakMap<Socket, string>()

/** Fingerprint of the certificate that the client proved to hold: 64 lower-case hex digits, null if it proved none. */
export function peerFingerprint(c: Context): string | null {
  const { incoming }: Partial<HttpBindings> = c.env ?? {}
  return (incoming && peers.get(incoming.socket)) ?? null
}

/** HTTPS, TLS 1.3 only. Resolves when listening, rejects when the port cannot be had. */
export async function serveTls(options: TlsServerOptions): Promise<TlsServer> {
  const { clients, host } = options
  const limits = { ...SERVER_LIMITS, ...options.limits }
  const allowed = options.allowFrom && networks(options.allowFrom)
  if (clients.mode === 'pinned') clients.fingerprints.forEach(assertFingerprint)
  // Node's HTTP server stops reading when a request comes while a socket still owes more than this of the answer before. Over TLS its
  // parser is then handed what was decrypted already, calls that an error (HPE_PAUSED) and ends the connection, now and then: with
  // answers of megabytes, as DKLs23 has, in the middle of sessions. Node has no option for the sockets of one TLS server.
  setDefaultHighWaterMark(false, UNSENT_BYTES)

  const server = createAdaptorServer({
    fetch: (request, env) => {
      const status = refusal(env.incoming, limits.maxHeaders)
      return status === null ? options.fetch(request, env) : new Response(null, { status })
    },
    createServer,
    serverOptions: {
      ...options.tls,
      minVersion: 'TLSv1.3',
      requestCert: clients.mode !== 'none',
      // An authority proves nothing here: who may connect is decided below, by the hash of the certificate.
      rejectUnauthorized: false,
      // Where a certificate means something it is proven anew on each connection; a session ticket would stand in for it.
      secureOptions: clients.mode === 'none' ? 0 : constants.SSL_OP_NO_TICKET,
      handshakeTimeout: limits.handshakeTimeoutMs,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      // Node looks for overdue requests at this interval only; its own default, 30 s, would be the real limit.
      connectionsCheckingInterval: Math.min(1_000, limits.headersTimeoutMs, limits.requestTimeoutMs),
      maxHeaderSize: limits.maxHeaderBytes,
      ServerResponse: SafeAnswer,
      noDelay: true,
      // A client whose machine vanished without a word is found out by TCP probes.
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
    },
  }) as Server
  server.timeout = limits.idleTimeoutMs
  // Node drops what is beyond its count in silence, an Authorization among it too: `refusal` counts instead.
  server.maxHeadersCount = 0
  server.maxConnections = limits.maxConnections
  server.maxRequestsPerSocket = limits.maxRequestsPerSocket

  const refuse = (socket: Socket, reason: Refusal['reason'], fingerprint: string | null): void => {
    options.onRefused?.({ reason, address: socket.remoteAddress ?? '', fingerprint })
    socket.destroy()
  }
  // Every accepted socket, also those still shaking hands, which Node's HTTP layer does not know yet; at most maxConnections.
  const sockets = new Set<Socket>()
  const ofAddress = share(limits.maxConnectionsEach)
  const ofCertificate = share(limits.maxConnectionsEach)
  server.prependListener('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    const address = socket.remoteAddress ?? ''
    if (allowed && !allowed.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')) refuse(socket, 'address', null)
    else if (!ofAddress(neighbourhood(address), socket)) refuse(socket, 'too_many', null)
  })
  // Before the HTTP parser's own listener: a refused client's bytes, which may already be here, are never parsed.
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    if (clients.mode === 'none') return
    const fingerprint = certificateFingerprint(socket)
    if (clients.mode === 'pinned' && (fingerprint === null || !clients.fingerprints.has(fingerprint))) {
      refuse(socket, 'certificate', fingerprint)
    } else if (fingerprint !== null) {
      if (ofCertificate(fingerprint, socket)) peers.set(socket, fingerprint)
      else refuse(socket, 'too_many', fingerprint)
    }
  })
  server.on('clientError', answerUnreadable)
  server.on('tlsClientError', (_error: Error, socket: TLSSocket) => refuse(socket, 'handshake', null))

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const { port } = server.address() as AddressInfo
  let closing: Promise<void> | undefined
  return {
    url: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    port,
    close: () => (closing ??= drain(server, sockets, limits.drainMs)),
  }
}

function drain(server: Server, sockets: ReadonlySet<Socket>, drainMs: number): Promise<void> {
  return new Promise((resolve) => {
    // A keep-alive connection whose last request ends after this moment becomes idle without anybody noticing.
    const sweep = setInterval(() => server.closeIdleConnections(), 20)
    const cut = setTimeout(() => {
      for (const socket of sockets) socket.destroy()
    }, drainMs)
    server.close(() => {
      clearInterval(sweep)
      clearTimeout(cut)
      resolve()
    })
  })
}

/** A path that says one thing and means another: whoever filters paths in front of us reads it as it stands. */
const DOT_SEGMENT = /\/(?:\.|%2e){1,2}(?:[/?#]|$)/i

/** What Node's HTTP server lets through and should not (RFC 9112 3.2 for the second Host). */
function refusal({ rawHeaders, url = '' }: Pick<IncomingMessage, 'rawHeaders' | 'url'>, maxHeaders: number): 400 | 431 | null {
  if (rawHeaders.length > 2 * maxHeaders) return 431
  const hosts = rawHeaders.filter((text, i) => i % 2 === 0 && text.length === 4 && text.toLowerCase() === 'host')
  return hosts.length > 1 || DOT_SEGMENT.test(url) ? 400 : null
}

/** @returns whether one more open connection is within the share of whoever holds it; if so it is counted until it closes. */
function share(max: number): (holder: string, socket: Socket) => boolean {
  const open = new Map<string, number>()
  return (holder, socket) => {
    const held = open.get(holder) ?? 0
    if (held >= max) return false
    open.set(holder, held + 1)
    socket.once('close', () => {
      const left = (open.get(holder) ?? 1) - 1
      if (left > 0) open.set(holder, left)
      else open.delete(holder)
    })
    return true
  }
}

/** Whoever has one IPv6 address has the whole /64 around it. */
function neighbourhood(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address
  const [head = '', tail] = address.split('::')
  const groups = head.split(':').filter(Boolean)
  const rest = (tail ?? '').split(':').filter(Boolean)
  return [...groups, ...Array.from({ length: 8 - groups.length - rest.length }, () => '0'), ...rest].slice(0, 4).join(':')
}

function networks(entries: readonly string[]): BlockList {
  const list = new BlockList()
  for (const entry of entries) {
    const [address = '', prefix] = entry.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return list
}
