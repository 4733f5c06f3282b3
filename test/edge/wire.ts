import { subscribe } from 'node:diagnostics_channel'
import { connect as connectTcp, type Socket } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'

/** PEM of a client. */
export interface ClientCertificate {
  readonly key: string
  readonly cert: string
}

/** One answer as it came over the wire. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: a test reads JSON as it comes.
  readonly json: any
}

/** A connection that does only what it is told: no client library tidies up what is sent. */
export interface Wire {
  readonly socket: TLSSocket
  readonly send: (...parts: (string | Uint8Array)[]) => void
  /** Everything that came, when the other side has hung up. */
  readonly ended: Promise<string>
  /** Milliseconds from `open` to the end of the connection. */
  readonly lasted: Promise<number>
  readonly received: () => string
}

/** No test waits longer for an end; a host that hangs fails it. */
const PATIENCE_MS = 15_000

export const within = async <T>(what: string, promise: Promise<T>, ms = PATIENCE_MS): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** TLS with a client's certificate, or none. Rejects when the handshake fails. */
export async function open(port: number, client?: ClientCertificate, options: ConnectionOptions = {}): Promise<Wire> {
  const started = performance.now()
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...client, ...options })
  let received = ''
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1')
  })
  const lasted = new Promise<number>((resolve) => socket.once('close', () => resolve(performance.now() - started)))
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.once('secureConnect', () => {
      socket.off('error', reject).on('error', () => undefined)
      resolve()
    })
  })
  return {
    socket,
    send: (...parts) => {
      for (const part of parts) if (socket.writable) socket.write(part)
    },
    lasted: within('the end of the connection', lasted),
    ended: within(
      'the end of the connection',
      lasted.then(() => received),
    ),
    received: () => received,
  }
}

/** A TCP connection on which TLS has not begun. */
export async function openTcp(port: number): Promise<{ readonly socket: Socket; readonly ended: Promise<number> }> {
  const started = performance.now()
  const socket = connectTcp(port, '127.0.0.1')
    .on('error', () => undefined)
    .resume()
  const closed = new Promise<number>((resolve) => socket.once('close', () => resolve(performance.now() - started)))
  await new Promise((resolve) => socket.once('connect', resolve))
  return { socket, ended: within('the end of a TCP connection', closed) }
}

/** Takes one body off the front of what came: declared, chunked (which an empty answer of Node's is), or none. */
function bodyOf(rest: string, headers: Readonly<Record<string, string>>): { readonly body: string; readonly length: number } {
  if (headers['transfer-encoding'] !== 'chunked' || rest === '') {
    const length = Number(headers['content-length'] ?? 0)
    return { body: rest.slice(0, length), length }
  }
  let body = ''
  for (let at = 0; ; ) {
    const line = rest.indexOf('\r\n', at)
    const size = Number.parseInt(rest.slice(at, line), 16)
    if (line < 0 || !(size >= 0)) throw new Error(`no chunk: ${JSON.stringify(rest.slice(at, at + 50))}`)
    body += rest.slice(line + 2, line + 2 + size)
    at = line + 2 + size + 2
    if (size === 0) return { body, length: at }
  }
}

/** The answers in what a connection gave. */
export function answersIn(received: string): Answer[] {
  const answers: Answer[] = []
  let rest = received
  while (rest !== '') {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) throw new Error(`half an answer: ${JSON.stringify(rest.slice(0, 200))}`)
    const [first = '', ...lines] = rest.slice(0, end).split('\r\n')
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1])
    const headers: Record<string, string> = {}
    for (const line of lines) {
      const colon = line.indexOf(':')
      const name = line.slice(0, colon).toLowerCase()
      if (name in headers) throw new Error(`the header ${name} stands twice`)
      headers[name] = line.slice(colon + 1).trim()
    }
    rest = rest.slice(end + 4)
    const { body, length } = bodyOf(rest, headers)
    const text = Buffer.from(body, 'latin1').toString('utf8')
    answers.push({ status, headers, text, json: parsed(text) })
    rest = rest.slice(length)
  }
  return answers
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export interface Sent {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** The bytes of one ordinary request, after which the connection ends. */
export function requestText({ method, path, headers = {}, body }: Sent): string {
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body)
  const all = {
    Host: 'localhost',
    Connection: 'close',
    ...(body === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(text)) }),
    ...headers,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${text}`
}

const accepted = new Set<Socket>()
subscribe('net.server.socket', (message) => {
  const { socket } = message as { readonly socket: Socket }
  accepted.add(socket)
  socket.once('close', () => accepted.delete(socket))
})

/** Connections that the host on this port has open, by its own account. */
export const heldBy = (port: number): number => [...accepted].filter((socket) => socket.localPort === port).length
