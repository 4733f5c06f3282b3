import { z } from '@hono/zod-openapi'
import { PAIR_CONDITIONS } from '../../actors/pair-keeper.ts'
import { SCHEMES } from '../../protocol/request/document.ts'
import { printable } from '../../protocol/request/fields.ts'
import { PROBLEM_CODES } from './problem.ts'

/** The shapes that coordinator and gateway share on the wire; the same schemas validate at run time and make /openapi.json. */

/** Items of one batch call. */
export const MAX_BATCH_ITEMS = 256
/** Longest long poll. Below the usual idle time-outs of proxies (60 s). */
export const MAX_WAIT_MS = 30_000
export const DEFAULT_WAIT_MS = 5_000
const MAX_PAGE = 200

const HEX = (bytes: number) => new RegExp(`^0x[0-9a-f]{${2 * bytes}}$`)

export const hexBytes = (bytes: number) => z.string().regex(HEX(bytes), `must be 0x and ${2 * bytes} lower-case hex digits`)
const anyHex = z.string().regex(/^0x([0-9a-f]{2})*$/, 'must be 0x and lower-case hex digits')

export const KeyId = z
  .string()
  .regex(/^key_[0-9a-f]{64}$/, 'must be key_ and 64 lower-case hex digits')
  .openapi('KeyId')
export const SignatureId = z
  .string()
  .regex(/^sig_[0-9a-f]{32}$/, 'must be sig_ and 32 lower-case hex digits')
  .openapi('SignatureId')
export const SessionId = z
  .string()
  .regex(/^ses_[0-9a-f]{64}$/, 'must be ses_ and 64 lower-case hex digits')
  .openapi('SessionId')
export const RequestId = z
  .string()
  .regex(/^req_[A-Za-z0-9_-]{1,64}$/, 'must be req_ and 1 to 64 of A-Z a-z 0-9 _ -')
  .openapi('RequestId', {
    description:
      'Chosen by the caller; the same id with the same content has one outcome, kept for 24 hours after the request has expired.',
  })
const SetId = z
  .string()
  .regex(/^set_[0-9a-f]{64}$/)
  .openapi('SetId')

export const Scheme = z.enum(SCHEMES).openapi('Scheme')
const Time = z.iso.datetime().openapi({ description: 'RFC 3339, UTC' })
const Engine = z.enum(['hm', 'dkls23', 'frost']).openapi('Engine', {
  description: 'hm: ECDSA, fast, 2t-1 signers. dkls23: ECDSA with t signers. frost: BIP-340 and Ed25519, t signers.',
})

const MAX_LABEL = 64
export const Label = z
  .string()
  .refine(printable(MAX_LABEL), 'must be 1 to 64 printable characters')
  .openapi('Label', { minLength: 1, maxLength: MAX_LABEL, description: 'Printable characters, NFC' })

export const Key = z
  .strictObject({
    id: KeyId,
    scheme: Scheme,
    label: z.string().nullable(),
    state: z
      .enum(['pending', 'active', 'frozen', 'archived'])
      .openapi({ description: 'Signers take part for active keys only; archived is for ever' }),
    revision: z.int().min(0).openapi({ description: 'Of the newest update; the ETag of the key' }),
    settled: z
      .boolean()
      .openapi({ description: 'false: not every signer is known to have this revision; repeat the update or make the next' }),
    threshold: z.int().min(2).max(16),
    parties: z.int().min(2).max(16),
    epoch: z.int().min(0),
    public_key: anyHex.openapi({ description: '33 bytes compressed (ECDSA), 32 bytes x-only (BIP-340), 32 bytes (Ed25519)' }),
    addresses: z.strictObject({
      evm: z.string().optional(),
      bitcoin_p2wpkh: z.string().optional(),
      solana: z.string().optional(),
    }),
    certificate: anyHex.openapi({ description: 'The signers’ statement about the key, signed by each of them' }),
    created_at: Time,
  })
  .openapi('Key')

export const UpdatedKey = Key.extend({
  receipts: z
    .array(hexBytes(64))
    .openapi({ description: 'The signature of each signer for having stored the update, in the order of the roster' }),
}).openapi('UpdatedKey')

export const KeyPage = z.strictObject({ keys: z.array(Key), next_cursor: z.string().nullable() }).openapi('KeyPage')

const EcdsaSignature = z
  .strictObject({
    r: hexBytes(32),
    s: hexBytes(32).openapi({ description: 'Always in the lower half of the order' }),
    y_parity: z.int().min(0).max(1),
    serialized: hexBytes(65).openapi({ description: 'r || s || v, v = 27 + y_parity' }),
    der: anyHex,
  })
  .openapi('EcdsaSignature')

const CompactSignature = z
  .strictObject({ serialized: hexBytes(64) })
  .openapi('CompactSignature', { description: 'BIP-340 and Ed25519' })

/** Problem details, RFC 9457. Open on purpose: a later version may add members. */
export const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(PROBLEM_CODES as [string, ...string[]]),
    request_id: z.string().openapi({ description: 'req_… when known, else the X-Request-Id of the exchange' }),
    retryable: z.boolean(),
    retry_after_ms: z.int().optional(),
    errors: z.array(z.object({ pointer: z.string(), reason: z.string() })).optional(),
    missing: z.array(z.string()).optional().openapi({ description: 'Names of the signers that did not answer' }),
    culprits: z.array(z.string()).optional().openapi({ description: 'Names of the signers whose misbehaviour is proven' }),
    session_id: z.string().optional().openapi({ description: 'The last session that the request was in' }),
    outcome: z
      .enum(['none', 'unknown'])
      .optional()
      .openapi({ description: 'none: no signature was released. unknown: read the resource or repeat the same request.' }),
  })
  .openapi('Problem')

export const Signature = z
  .strictObject({
    id: SignatureId,
    request_id: RequestId,
    state: z.enum(['pending_approval', 'pending_signing', 'signed', 'denied', 'rejected', 'expired', 'failed']),
    key_id: KeyId,
    key_epoch: z.int().min(0),
    path: z.string(),
    public_key: anyHex,
    digest: hexBytes(32).nullable().openapi({ description: 'null for Ed25519, which signs the message itself' }),
    signature: z.union([EcdsaSignature, CompactSignature]).nullable().openapi({ description: 'null until state is signed' }),
    engine: Engine,
    signers: z.array(z.int()),
    session_id: SessionId.optional().openapi({ description: 'While the coordinator remembers it' }),
    timing_ms: z.strictObject({ queue: z.number(), sign: z.number(), total: z.number() }),
  })
  .openapi('Signature')

export const BatchResult = z
  .strictObject({
    items: z.array(
      z.union([
        z.strictObject({ status: z.union([z.literal(200), z.literal(202)]), signature: Signature }),
        z.strictObject({ status: z.int(), problem: Problem }),
      ]),
    ),
  })
  .openapi('BatchResult', {
    description: 'One entry per item, in the order sent; `status` is what a single call would have answered.',
  })

export const Session = z
  .strictObject({
    id: SessionId,
    engine: Engine,
    scheme: Scheme,
    state: z.enum(['done', 'failed']),
    code: z.string().nullable().openapi({ description: 'Why it failed' }),
    signers: z.array(z.string()),
    missing: z.array(z.string()).openapi({ description: 'Signers that did not answer' }),
    culprits: z.array(z.string()).openapi({ description: 'Signers whose misbehaviour is proven' }),
    started_at: Time,
    ended_at: Time,
    items: z
      .array(
        z.strictObject({
          request_id: RequestId,
          signature_id: SignatureId,
          outcome: z.enum(['signed', 'refused', 'failed']),
          code: z.string().nullable(),
        }),
      )
      .openapi({ description: 'The caller’s own requests; a batch may hold others’ too' }),
  })
  .openapi('Session')

export const SetState = z
  .strictObject({
    id: SetId,
    roster_hash: hexBytes(32),
    epoch: z.int(),
    threshold: z.int(),
    parties: z.int(),
    quorum: z.enum(['full', 'degraded', 'lost']),
    engines: z
      .record(z.string(), Engine.nullable())
      .openapi({ description: 'Per scheme the engine in use; null: none can run now' }),
    hm_off_until: Time.nullable().openapi({
      description: 'hm failed again and again although its signers were up: an alarm. Until then dkls23 signs',
    }),
    pairs: z
      .strictObject({
        ready: z.int(),
        total: z.int(),
        list: z.array(
          z.strictObject({
            signers: z.array(z.string()),
            state: z.enum(PAIR_CONDITIONS).openapi({
              description: '`banned` ends by an act of the operator only; what is `burnt` or `missing` is set up by itself',
            }),
            banned_by: z.array(z.string()),
          }),
        ),
      })
      .openapi({ description: 'What dkls23 needs between every two signers; empty where it is not used' }),
    signers: z.array(
      z.strictObject({
        index: z.int(),
        name: z.string(),
        state: z.enum(['up', 'down', 'starting', 'incompatible']).openapi({
          description: '`incompatible`: it answers, in another version of the protocol than this coordinator’s',
        }),
        version: z.string().nullable(),
        rtt_ms: z.number().nullable().openapi({ description: 'Round trip of the last heartbeat; null while it is down' }),
        last_heartbeat_at: Time.nullable().openapi({ description: 'When it last answered one' }),
        curve: z.string().nullable(),
        since: Time,
      }),
    ),
  })
  .openapi('Set')

/** Decimal digits only: `Number('0x10')` and `Number(' 7')` are numbers too. */
const queryInt = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, 'must be a decimal integer')
    .transform(Number)
    .pipe(z.int().min(min).max(max))

export const WaitQuery = z.strictObject({
  wait_ms: queryInt(0, MAX_WAIT_MS)
    .optional()
    .openapi({
      type: 'integer',
      minimum: 0,
      maximum: MAX_WAIT_MS,
      description: `How long the call may wait; default ${DEFAULT_WAIT_MS}`,
    }),
})

export const KeyQuery = z.strictObject({
  limit: queryInt(1, MAX_PAGE).optional().openapi({ type: 'integer', minimum: 1, maximum: MAX_PAGE, description: 'Default 50' }),
  cursor: z.string().min(1).max(512).optional(),
  scheme: Scheme.optional(),
  label: Label.optional(),
  state: z.enum(['active', 'frozen', 'archived']).optional().openapi({ description: 'Default: all but archived keys' }),
})
export const DEFAULT_PAGE = 50

export const KeyParams = z.object({ id: KeyId })
export const SessionParams = z.object({ id: SessionId })
export const SignatureParams = z.object({ id: SignatureId })
