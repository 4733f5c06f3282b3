import { type Bindings, type DestinationStream, type Logger, pino } from 'pino'

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export interface LogOptions {
  readonly level: LogLevel
  /** Stand in every line: which host of the set wrote it. */
  readonly role: string
  readonly name: string
  /** Standard output if absent. */
  readonly destination?: DestinationStream
}

/**
 * JSON lines. A request's and a session's lines are found by their fields: `log.child({ reqId })`, `log.child({ session })`.
 * Written synchronously: the last words before a crash are the ones that matter, and a line costs microseconds.
 */
export function createLogger({ level, role, name, destination }: LogOptions): Logger {
  const log = pino(
    {
      level,
      base: { role, name, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: scrubFields },
      serializers: { err: describeError },
    },
    destination ?? pino.destination({ fd: 1, sync: true }),
  )
  // pino shows the fields of a child to no formatter. Children inherit from their parent, so this holds for theirs too.
  const { child } = log
  log.child = function (this: Logger, fields: Bindings, options) {
    return child.call(this, scrubFields(fields), options)
  } as Logger['child']
  return log
}

/**
 * The second line of defence (the first: secrets are bytes, and nothing logs bytes). pino's own `redact` takes paths, and a
 * secret sits at the path that nobody thought of; so every field is looked at, by name and by type, at any depth.
 */
const SECRET_NAME =
  /seed|secret|token|authorization|cookie|passw|passphrase|private|nonce|^(?:key|pem|share|shares|sealed_?share|d)$|(?:data|master|tls|unsealed|message)_?key$/i

const REDACTED = '[redacted]'
const MAX_DEPTH = 6
const MAX_ITEMS = 64
const MAX_TEXT = 4096

function scrubFields(fields: Record<string, unknown>): Record<string, unknown> {
  return scrubObject(fields, 0)
}

function scrubObject(fields: object, depth: number): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields).slice(0, MAX_ITEMS)) {
    out[name] = SECRET_NAME.test(name) && value !== undefined ? REDACTED : scrub(value, depth + 1)
  }
  return out
}

function scrub(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}…` : value
  if (typeof value === 'bigint') return '[integer]'
  if (typeof value !== 'object' || value === null) return value
  // What is public and wanted in a log is written as hex by the caller, on purpose.
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`
  if (value instanceof Error) return describeError(value)
  if (depth > MAX_DEPTH) return '[deeper]'
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => scrub(item, depth + 1))
  if (value instanceof Map || value instanceof Set) return `[${value.size} entries]`
  if (value instanceof Date) return value.toJSON()
  return scrubObject(value, depth)
}

/** Errors of libraries carry whole requests with headers as fields; only these are ever written. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return scrub(error, 1)
  const { code, detail } = error as { code?: unknown; detail?: unknown }
  return {
    type: error.name,
    message: error.message,
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof detail === 'string' && detail !== '' ? { detail } : {}),
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  }
}
