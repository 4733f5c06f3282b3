import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { PROBLEM_CODES, type ProblemCode } from '../../src/host/api/problem.ts'
import { Problem } from '../../src/host/api/schemas.ts'
import type { KeyUpdateDocument } from '../../src/protocol/request/document.ts'
import { newRequestId } from '../host/api/requests.ts'
import { makeKey, payloadOf, someMessage, type TestKey } from '../host/set/signing-keys.ts'
import { until } from '../host/set/until.ts'
import { sharedDirectory } from '../host/temporary.ts'
import { coordinatorForm, type EdgeHosts, edgeHosts } from './edge-hosts.ts'
import type { Answer } from './wire.ts'

const directory = sharedDirectory()
let hosts: EdgeHosts
/** Of cred_alice and of cred_bob, who may not have digests signed; and of the gateway's alice. */
let ofAlice: TestKey
let ofBob: TestKey
let ofGateway: string
let undo: (() => Promise<unknown> | unknown)[] = []

beforeAll(async () => {
  hosts = await edgeHosts(directory, { set: { config: { signTimeoutMs: 1500, batchesInFlight: 1 } } })
  ofAlice = await makeKey(hosts.set, 'eddsa-ed25519')
  ofBob = await makeKey(hosts.set, 'ecdsa-secp256k1', 'cred_bob')
  ofGateway = (await hosts.gateway.call({ method: 'POST', path: '/api/v1/keys', body: { scheme: 'eddsa-ed25519' } })).json.id
})
afterAll(() => hosts.close())
beforeEach(() => async () => {
  for (const step of undo.reverse()) await step()
  undo = []
})

const ZERO = '0'.repeat(64)
const post = (path: string, body: unknown) => ({ method: 'POST', path, body })
/** A request of alice's at the coordinator. */
const signing = (requestId = newRequestId(), key = ofAlice, who = 'cred_alice', payload = payloadOf(key.scheme, someMessage())) =>
  hosts.signed(hosts.set.sign(key.scheme, key.keyId, payload), who, requestId)
const toCoordinator = (body: unknown) => hosts.coordinator.call(post('/api/v1/sign', body))
const wish = (changes: object = {}) => ({ key_id: ofGateway, payload: { kind: 'message', bytes: '0x00' }, ...changes })
const toGateway = (changes: object = {}) => hosts.gateway.call(post('/api/v1/sign', wish(changes)))
/** A document that no program of ours would write, signed all the same. */
const written = (changes: object) => {
  const issued = Date.now()
  const time = (at: number) => new Date(at).toISOString()
  const document = {
    type: 'sign.v1',
    request_id: newRequestId(),
    audience: hosts.set.audience,
    key_id: ofAlice.id,
    path: 'm',
    scheme: ofAlice.scheme,
    payload: { kind: 'message', bytes: '0x00' },
    issued_at: time(issued),
    expires_at: time(issued + 60_000),
    ...changes,
  }
  return coordinatorForm(hosts.set.authorized('cred_alice', new TextEncoder().encode(JSON.stringify(document))))
}

const freezing = (key: TestKey) =>
  hosts.signed({
    type: 'key-update.v1',
    scheme: key.scheme,
    keyId: key.keyId,
    revision: 1,
    state: 'frozen',
    label: null,
  } satisfies Pick<KeyUpdateDocument, 'type' | 'scheme' | 'keyId' | 'revision' | 'state' | 'label'>)
const frozen = async (): Promise<TestKey> => {
  const key = await makeKey(hosts.set, 'eddsa-ed25519')
  expect((await hosts.coordinator.call(post(`/api/v1/keys/${key.id}/freeze`, freezing(key)))).status).toBe(200)
  return key
}

const clockAhead = (ms: number) => {
  hosts.set.clocks.set(0, ms)
  undo.push(() => hosts.set.clocks.delete(0))
}
/** Signers 2 and 3 are away, and the coordinator knows it. */
const twoAway = async () => {
  undo.push(async () => {
    for (const id of [2, 3]) hosts.set.revive(id)
    await until('all up', () => hosts.set.monitor.up().length === 3)
  })
  for (const id of [2, 3]) hosts.set.kill(id)
  await until('two down', () => hosts.set.monitor.up().length === 1)
}
/** Everything that signers answer in the second exchange is spoilt. */
const spoilt = () => {
  const before = hosts.set.hooks.tamper
  undo.push(() => {
    hosts.set.hooks.tamper = before
  })
  hosts.set.hooks.tamper = async (_to, route, frame, deliver) => {
    const answer = await deliver(frame)
    const at = answer.length >> 1
    if (route === 'round') answer[at] = (answer[at] ?? 0) ^ 1
    return answer
  }
}
/** The one batch that may be under way does not end while requests wait for their turn. */
const stuck = async () => {
  const before = hosts.set.hooks.tamper
  let release = (): void => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  undo.push(async () => {
    release()
    hosts.set.hooks.tamper = before
    await until('all up', () => hosts.set.monitor.up().length === 3)
  })
  hosts.set.hooks.tamper = async (_to, route, frame, deliver) => {
    if (route === 'openSigning' || route === 'round') await held
    return await deliver(frame)
  }
  void toCoordinator(signing()).catch(() => undefined)
  await new Promise((resolve) => setTimeout(resolve, 100))
}
/** The first answer that is no success. */
const refused = async (what: string, ask: () => Promise<Answer>): Promise<Answer> => {
  let answer = await ask()
  await until(what, async () => {
    if (answer.status === 200) answer = await ask()
    return answer.status !== 200
  })
  return answer
}
/** Connections on which a known client announces bodies that it does not send. */
const announced = async (edge: EdgeHosts['coordinator'], bytes: number, count: number) => {
  for (let i = 0; i < count; i++) {
    const wire = await edge.open()
    undo.push(() => wire.socket.destroy())
    const headers = Object.entries(edge.headers).map(([name, value]) => `${name}: ${value}\r\n`)
    wire.send(
      `POST /api/v1/sign/batch HTTP/1.1\r\nHost: x\r\n${headers.join('')}Content-Type: application/json\r\nContent-Length: ${bytes}\r\n\r\n`,
    )
  }
}

interface Expected {
  readonly status: number
  readonly retryable: boolean
  readonly outcome: 'none' | 'unknown'
  /** What else the problem says. */
  readonly says?: object
}
/** How to get it there, or why it cannot be had there. */
type Way = (() => Promise<Answer>) | string
interface Row extends Expected {
  readonly coordinator: Way
  readonly gateway: Way
}
const row = (
  status: number,
  retryable: boolean,
  outcome: 'none' | 'unknown',
  ways: Pick<Row, 'coordinator' | 'gateway'>,
  says = {},
): Row => ({
  status,
  retryable,
  outcome,
  says,
  ...ways,
})
const NO_SUCH_STATE = 'the table keeps it for what does not exist yet'

/** Literal on purpose: what api.md promises, not what the source says. */
const TABLE: Readonly<Record<string, Row | string>> = {
  malformed_request: row(400, false, 'none', {
    coordinator: () => toCoordinator('{"request":'),
    gateway: () => hosts.gateway.call(post('/api/v1/sign', '{"key_id":')),
  }),
  authentication_failed: row(401, false, 'none', {
    coordinator: 'whoever it does not know gets no connection (test/transport)',
    gateway: () => hosts.gateway.call({ ...post('/api/v1/sign', wish()), headers: { authorization: 'Bearer nobody' } }),
  }),
  authorization_invalid: row(403, false, 'none', {
    coordinator: () =>
      toCoordinator({ ...signing(), authorizations: [{ ...signing().authorizations[0], credential_id: 'cred_gateway' }] }),
    gateway: async () =>
      hosts.gateway.call({
        ...post('/api/v1/sign', wish()),
        headers: { authorization: `Bearer ${await hosts.token({}, 'keys:read')}` },
      }),
  }),
  policy_denied: 'kept for policies, which do not exist yet: no signer has a reason to give it',
  raw_digest_forbidden: row(403, false, 'none', {
    coordinator: () =>
      toCoordinator(signing(newRequestId(), ofBob, 'cred_bob', { kind: 'digest', digest: new Uint8Array(32).fill(7) })),
    gateway: async () =>
      hosts.gateway.call({
        ...post('/api/v1/sign', wish({ payload: { kind: 'digest', digest: `0x${ZERO}` } })),
        headers: { authorization: `Bearer ${await hosts.token({}, 'sign')}` },
      }),
  }),
  not_found: row(404, false, 'none', {
    coordinator: () => hosts.coordinator.call(post('/api/v1/nowhere', {})),
    gateway: () => hosts.gateway.call(post('/api/v1/nowhere', {})),
  }),
  key_not_found: row(404, false, 'none', {
    coordinator: () => toCoordinator(written({ key_id: `key_${ZERO}` })),
    gateway: () => toGateway({ key_id: `key_${ZERO}` }),
  }),
  request_replayed: row(409, false, 'none', {
    coordinator: async () => {
      const id = newRequestId()
      expect((await toCoordinator(signing(id))).status).toBe(200)
      return await toCoordinator(signing(id))
    },
    gateway: async () => {
      const id = newRequestId()
      expect((await toGateway({ request_id: id })).status).toBe(200)
      return await toGateway({ request_id: id, payload: { kind: 'message', bytes: '0x01' } })
    },
  }),
  idempotency_in_flight:
    'kept, never given: a repetition joins the work under way and gets its outcome (test/host/set/signing.test.ts)',
  key_frozen: row(409, false, 'none', {
    coordinator: async () => {
      const key = await frozen()
      return toCoordinator(signing(newRequestId(), key))
    },
    gateway: async () => {
      const { id } = (await hosts.gateway.call(post('/api/v1/keys', { scheme: 'eddsa-ed25519' }))).json
      expect((await hosts.gateway.call(post(`/api/v1/keys/${id}/freeze`, {}))).status).toBe(200)
      return await toGateway({ key_id: id })
    },
  }),
  epoch_mismatch: `${NO_SUCH_STATE}: shares are not refreshed, so every key is in its first epoch`,
  revision_conflict: row(409, false, 'none', {
    coordinator: async () => {
      const key = await frozen()
      return hosts.coordinator.call(post(`/api/v1/keys/${key.id}/freeze`, freezing(key)))
    },
    gateway: 'it counts revisions itself: only with an older copy of its disk (test/host/gateway/key-admin.test.ts)',
  }),
  // Whoever repeats an expired request may have had its signature before.
  request_expired: row(410, false, 'unknown', {
    coordinator: () => {
      clockAhead(10 * 60_000)
      return toCoordinator(signing())
    },
    gateway: () => {
      clockAhead(10 * 60_000)
      return toGateway()
    },
  }),
  precondition_failed: row(412, false, 'none', {
    coordinator: 'the revision inside the signed document says it there: revision_conflict',
    gateway: () =>
      hosts.gateway.call({
        method: 'PATCH',
        path: `/api/v1/keys/${ofGateway}`,
        body: { label: 'unseen' },
        headers: { 'if-match': '"99"', ...hosts.gateway.headers },
      }),
  }),
  payload_too_large: row(413, false, 'none', {
    coordinator: () => toCoordinator('x'.repeat(256 * 1024 + 1)),
    gateway: () => hosts.gateway.call(post('/api/v1/sign', 'x'.repeat(256 * 1024 + 1))),
  }),
  payload_invalid: row(422, false, 'none', {
    coordinator: () => toCoordinator(written({ payload: { kind: 'psbt', bytes: '0x00' } })),
    gateway: () => toGateway({ payload: { kind: 'psbt', bytes: '0x00' } }),
  }),
  path_unsupported: row(422, false, 'none', {
    coordinator: () => toCoordinator(written({ path: 'm/0' })),
    gateway: () => toGateway({ path: 'm/0' }),
  }),
  engine_unavailable: row(422, false, 'none', {
    coordinator: async () => {
      const key = hosts.signed({ type: 'keygen.v1', scheme: 'ecdsa-secp256k1', threshold: 3, parties: 3 })
      const made = await hosts.coordinator.call(post('/api/v1/keys', key))
      expect(made.status).toBe(201)
      return await toCoordinator(
        written({ key_id: made.json.id, scheme: 'ecdsa-secp256k1', payload: { kind: 'message', bytes: '0x00', hash: 'sha256' } }),
      )
    },
    gateway: async () => {
      const made = await hosts.gateway.call(post('/api/v1/keys', { scheme: 'ecdsa-secp256k1', threshold: 3 }))
      expect(made.status).toBe(201)
      return await toGateway({ key_id: made.json.id, payload: { kind: 'message', bytes: '0x00', hash: 'sha256' } })
    },
  }),
  rate_limited: row(429, true, 'none', {
    coordinator: 'it has no rate: admission bounds what one client has open and queued (src/host/api/README.md)',
    gateway: async () => {
      const { edge, close } = await hosts.startGateway({ ratePerSecond: 1 })
      undo.push(close)
      const ask = () => edge.call(post('/api/v1/sign', wish({ key_id: `key_${ZERO}` })))
      const [first, second] = [await ask(), await ask()]
      expect(first.status).toBe(404)
      expect(second.headers['ratelimit']).toBe('"principal";r=0;t=1')
      return second
    },
  }),
  protocol_abort: row(500, true, 'unknown', {
    coordinator: () => {
      spoilt()
      return toCoordinator(signing())
    },
    gateway: () => {
      spoilt()
      return toGateway()
    },
  }),
  internal: row(500, false, 'unknown', {
    coordinator: () => {
      const { sign } = hosts.service
      undo.push(() => {
        hosts.service.sign = sign
      })
      hosts.service.sign = () => Promise.reject(new Error('a bug, of which nobody hears'))
      return toCoordinator(signing())
    },
    gateway: () => {
      const { sign } = hosts.service
      undo.push(() => {
        hosts.service.sign = sign
      })
      hosts.service.sign = () => Promise.reject(new Error('a bug, of which nobody hears'))
      return toGateway()
    },
  }),
  quorum_unavailable: row(
    503,
    true,
    'none',
    {
      coordinator: async () => {
        await twoAway()
        return toCoordinator(signing())
      },
      gateway: async () => {
        await twoAway()
        return toGateway()
      },
    },
    { missing: ['signer-2', 'signer-3'], retry_after_ms: 1000 },
  ),
  overloaded: row(503, true, 'none', {
    coordinator: async () => {
      await announced(hosts.coordinator, 8 * 2 ** 20, 8)
      return refused('as many bodies as one client may hold', () => toCoordinator(signing()))
    },
    gateway: async () => {
      await announced(hosts.gateway, 5 * 2 ** 20, 12)
      const large = `{"items":[${' '.repeat(4 * 2 ** 20)}{}]}`
      return refused('as many bodies as one user may hold', () => hosts.gateway.call(post('/api/v1/sign/batch', large)))
    },
  }),
  signing_timeout: row(504, true, 'none', {
    coordinator: async () => {
      await stuck()
      return toCoordinator(signing())
    },
    gateway: async () => {
      await stuck()
      return toGateway()
    },
  }),
}

describe('each row of the error table over HTTPS', () => {
  it.each(PROBLEM_CODES)('%s has a way to it or a reason', (code: ProblemCode) => {
    const entry = TABLE[code]
    expect(entry, `${code} is in the table of src/host/api/problem.ts and not in this one`).toBeDefined()
  })

  it('and no row is left that the API does not know', () => {
    expect(Object.keys(TABLE)).toEqual(PROBLEM_CODES)
  })

  for (const [code, entry] of Object.entries(TABLE)) {
    if (typeof entry === 'string') continue
    for (const name of ['coordinator', 'gateway'] as const) {
      const way = entry[name]
      if (typeof way === 'string') continue
      it(`${code} at the ${name}`, async () => {
        const answer = await way()
        const { status, headers, json } = answer
        expect([status, json?.code, answer.text.slice(0, 300)]).toEqual([entry.status, code, answer.text.slice(0, 300)])
        expect(headers['content-type']).toBe('application/problem+json')
        expect(Problem.safeParse(json).success).toBe(true)
        expect(json).toMatchObject({ status, retryable: entry.retryable, outcome: entry.outcome, ...entry.says })
        expect(json.request_id).toMatch(/^(req_|[0-9a-f-]{36}$)/)
        if (!json.request_id.startsWith('req_')) expect(json.request_id).toBe(headers['x-request-id'])
        const seconds = json.retry_after_ms === undefined ? undefined : String(Math.ceil(json.retry_after_ms / 1000))
        expect(headers['retry-after']).toBe(seconds)
        if (['rate_limited', 'overloaded', 'quorum_unavailable'].includes(code)) expect(seconds).toBeDefined()
        if (code !== 'rate_limited') expect(headers).not.toHaveProperty('ratelimit')
        expect(answer.text).not.toContain('nobody hears')
      })
    }
  }
})
