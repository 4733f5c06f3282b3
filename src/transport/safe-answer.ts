import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** An answer is for its caller alone and is data, never a page (the page at /docs sets its own policy). */
const SAFE_HEADERS: Readonly<Record<string, string>> = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
}

/** Answers not yet sent, in the order of their requests, by connection: several of them when a client pipelines. */
const owed = new WeakMap<Socket, Set<SafeAnswer>>()

/** Every answer has the headers from its beginning, also one that the HTTP server makes by itself and no application sees. */
export class SafeAnswer<Asked extends IncomingMessage = IncomingMessage> extends ServerResponse<Asked> {
  constructor(...args: ConstructorParameters<typeof ServerResponse<Asked>>) {
    super(...args)
    for (const name in SAFE_HEADERS) this.setHeader(name, SAFE_HEADERS[name] as string)
    const { socket } = this.req
    const answers = owed.get(socket) ?? new Set()
    owed.set(socket, answers.add(this))
    this.once('close', () => answers.delete(this))
  }
}

const BAD_REQUEST = '400 Bad Request'

/** By Node's code; its parser has many codes for what is no HTTP. */
const STATUS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Content Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

const HEADERS = Object.entries({ ...SAFE_HEADERS, Connection: 'close', 'Content-Length': '0' })
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('')

/**
 * The end of a connection on which something came that is no HTTP request, or not in time: a status and nothing else. A client that waits for
 * the answer to a whole request would take the status for that answer, so it sees the connection break instead.
 */
export function answerUnreadable({ code = '' }: Error & { readonly code?: string }, socket: Socket): void {
  const [next] = owed.get(socket) ?? []
  const misleading = next !== undefined && (next.headersSent || next.req.complete)
  const status = STATUS[code] ?? (code.startsWith('HPE_') ? BAD_REQUEST : undefined)
  // Neither where TLS did not come to be nor where the client is gone.
  if (status === undefined || misleading || !socket.writable) socket.destroy()
  else socket.end(`HTTP/1.1 ${status}\r\n${HEADERS}\r\n`, () => socket.destroy())
}
