import type { TLSSocket } from 'node:tls'

/**
 * SHA-256 of the DER certificate that the other end of this connection proved to hold: 64 lower-case hex digits, null without one.
 * TLS 1.3's CertificateVerify is a signature over this very handshake, checked by OpenSSL also for a self-signed
 * certificate and with `rejectUnauthorized: false`. So a matching hash proves possession of the key; no authority is needed.
 * That holds for full handshakes only. A *resumed* session proves no more than knowledge of an old ticket: a client then sees no
 * certificate at all, and a server is shown the one of the original handshake even if the client sends none now.
 */
export function certificateFingerprint(socket: TLSSocket): string | null {
  if (socket.isSessionReused()) return null
  return socket.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase() ?? null
}

/** Refuses pins that could never match (upper case, colons, another hash): a set-up mistake must not look like an attack. */
export function assertFingerprint(text: string): void {
  if (!/^[0-9a-f]{64}$/.test(text))
    throw new RangeError('a certificate fingerprint is 64 lower-case hex digits (SHA-256 of the DER)')
}
