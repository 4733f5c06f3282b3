import { isIP } from 'node:net'
import { connect, createSecureContext, type TLSSocket } from 'node:tls'
import type { buildConnector } from 'undici'
import { assertFingerprint, certificateFingerprint } from './fingerprint.ts'
import { PeerError } from './peer.ts'

/** Fingerprint of the one right certificate, or an authority (PEM) whose certificate for the host name or address is right. */
export type Pin = string | { readonly ca: string }

export interface ConnectOptions {
  readonly name: string
  /** PEM of our own certificate; without it we remain anonymous. */
  readonly tls: { readonly key: string; readonly cert: string } | undefined
  readonly pin: Pin
  readonly timeoutMs: number
}

/**
 * undici's connector with an identity check: hands a socket over only after the TLS 1.3 handshake ended with the right
 * certificate, so no byte of a request ever reaches another host. Sockets are kept in `open` until they are closed.
 * Sessions are never resumed (none is stored): see fingerprint.ts for what a resumed one would prove.
 */
export function pinnedConnect({ name, tls, pin, timeoutMs }: ConnectOptions, open: Set<TLSSocket>): buildConnector.connector {
  if (typeof pin === 'string') assertFingerprint(pin)
  const authority = typeof pin === 'string' ? {} : pin
  const secureContext = createSecureContext({ ...tls, ...authority, minVersion: 'TLSv1.3' })

  // `authorized` is OpenSSL's chain check and Node's host name check together. Fingerprints are public: `===` leaks nothing.
  const isRightPeer = (socket: TLSSocket): boolean =>
    typeof pin === 'string' ? certificateFingerprint(socket) === pin : socket.authorized

  return ({ hostname, port }, callback) => {
    const socket = connect({
      host: hostname,
      port: Number(port || 443),
      // An IP address must not be sent as SNI (RFC 6066 section 3); certificates are then checked against the address.
      servername: isIP(hostname) === 0 ? hostname : '',
      secureContext,
      // A pinned certificate needs no authority. With an authority the verdict is read from `authorized`, not thrown away.
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
    })
    open.add(socket)
    socket.setNoDelay(true).setKeepAlive(true, 30_000)

    const timer = setTimeout(() => socket.destroy(new PeerError('unreachable', name, 'CONNECT_TIMEOUT')), timeoutMs)
    const fail = (error: Error) => callback(error, null)
    socket.once('error', fail)
    socket.once('close', () => {
      clearTimeout(timer)
      open.delete(socket)
    })
    socket.once('secureConnect', () => {
      if (!isRightPeer(socket)) {
        socket.destroy(new PeerError('identity', name, 'CERTIFICATE'))
        return
      }
      clearTimeout(timer)
      socket.off('error', fail)
      callback(null, socket)
    })
  }
}
