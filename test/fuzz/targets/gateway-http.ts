import { SCHEMES, type Scheme } from '../../../src/protocol/request/document.ts'
import { bit, pack, partOf, unpack } from '../container.ts'
import { CLAIMS, gatewayWorld } from '../gateway-world.ts'
import { changesKeys, headOf, JSON_TYPE, judged, NO_SESSION, requestOf, verifyBodies } from '../http-exchange.ts'
import { NAMELESS_SET, named, namedBytes, namelessKey } from '../key-names.ts'
import { type FuzzTarget, promise } from '../target.ts'

/** What a malicious coordinator may answer with, by bits 4 to 7 of the mode. */
const STATUSES = [200, 201, 202, 400, 401, 403, 404, 409, 410, 422, 429, 500, 503, 504, 204, 302]

/**
 * The gateway's API, and the coordinator's answers to it. Parts: head, body, claims, answer. Mode: bit 0, no token at all; bit 1, the claims are
 * signed by the issuer, so the token is a good one; bit 2, the coordinator answers with the fourth part.
 */
export async function open(): Promise<FuzzTarget> {
  let world = await gatewayWorld()
  const seeds = (): ReadonlyMap<string, Uint8Array> => {
    const all = new Map<string, Uint8Array>()
    const none = new Uint8Array(0)
    const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))
    const payloads = {
      'ecdsa-secp256k1': { kind: 'message', bytes: '0x00ff', hash: 'keccak256' },
      'ecdsa-p256': { kind: 'message', bytes: '0x00ff', hash: 'sha256' },
      'schnorr-secp256k1': { kind: 'digest', digest: `0x${'22'.repeat(32)}` },
      'eddsa-ed25519': { kind: 'message', bytes: '0x' },
    }
    const signBody = (scheme: Scheme) => ({ key_id: namelessKey(scheme), payload: payloads[scheme], path: 'm', wait_ms: 0 })
    for (const scheme of SCHEMES) {
      all.set(
        `key-${scheme}`,
        pack(0, headOf('POST', '/api/v1/keys', JSON_TYPE), json({ scheme, label: 'Treasury', threshold: 2, parties: 3 })),
      )
      all.set(`sign-${scheme}`, pack(0, headOf('POST', '/api/v1/sign', JSON_TYPE), json(signBody(scheme))))
    }
    const idempotent = { ...JSON_TYPE, 'idempotency-key': '"abc"' }
    all.set(
      'idempotent',
      pack(0, headOf('POST', '/api/v1/sign', idempotent), json({ ...signBody('eddsa-ed25519'), request_id: 'req_abc' })),
    )
    all.set('batch', pack(0, headOf('POST', '/api/v1/sign/batch', JSON_TYPE), json({ items: [...SCHEMES.map(signBody), 7] })))
    const get = (name: string, path: string, mode = 0, ...more: readonly Uint8Array[]) =>
      all.set(name, pack(mode, headOf('GET', path), none, ...more))
    const key = `/api/v1/keys/${namelessKey('eddsa-ed25519')}`
    for (const action of ['freeze', 'unfreeze', 'archive']) {
      all.set(action, pack(0, headOf('POST', `${key}/${action}`, { ...JSON_TYPE, 'if-match': '"0"' }), json({})))
    }
    all.set('label', pack(0, headOf('PATCH', key, { ...JSON_TYPE, 'if-match': '"0"' }), json({ label: 'Savings' })))
    all.set('stale-label', pack(0, headOf('PATCH', key, { ...JSON_TYPE, 'if-match': '"7"' }), json({ label: null })))
    all.set(
      'lying-receipts',
      pack(
        4,
        headOf('POST', `${key}/freeze`, JSON_TYPE),
        json({}),
        none,
        json({ receipts: Array(3).fill(`0x${'11'.repeat(64)}`) }),
      ),
    )
    all.set('known', pack(0, headOf('GET', key, { 'if-none-match': '"0"' }), none))
    get('session', `/api/v1/sessions/${NO_SESSION}`)
    for (const [name, body] of verifyBodies())
      all.set(`verify-${name}`, pack(0, headOf('POST', '/api/v1/verify', JSON_TYPE), body))
    get('keys', '/api/v1/keys?limit=2&scheme=eddsa-ed25519')
    get('key', `/api/v1/keys/${namelessKey('eddsa-ed25519')}`)
    get('signature', `/api/v1/signatures/sig_${'0'.repeat(32)}?wait_ms=0`)
    get('set', '/api/v1/set')
    get('nobody', '/api/v1/keys', 1)
    get('claims', '/api/v1/keys', 2, json(CLAIMS))
    get('narrow', '/api/v1/keys', 2, json({ ...CLAIMS, scope: 'sign' }))
    get('expired', '/api/v1/keys', 2, json({ ...CLAIMS, exp: 1 }))
    all.set('own-token', pack(1, headOf('GET', '/api/v1/keys', { authorization: `Bearer ${world.token}` }), none))
    // What a coordinator says, for mutations to lie with.
    const made = { scheme: 'eddsa-ed25519', request_id: 'req_lie' }
    const signature = {
      id: `sig_${'0'.repeat(32)}`,
      request_id: 'req_lie',
      state: 'signed',
      signature: { serialized: `0x${'11'.repeat(64)}` },
      engine: 'frost',
      signers: [1, 3],
      timing_ms: { queue: 0, sign: 1, total: 1 },
    }
    const problem = {
      type: 'x',
      title: 'x',
      status: 500,
      detail: 'x',
      code: 'protocol_abort',
      request_id: 'req_lie',
      retryable: true,
      culprits: ['signer-1'],
    }
    all.set(
      'lying-key',
      pack(
        4 + 16,
        headOf('POST', '/api/v1/keys', JSON_TYPE),
        json(made),
        none,
        json({ id: namelessKey('eddsa-ed25519'), certificate: '0x00' }),
      ),
    )
    all.set(
      'lying-signature',
      pack(4, headOf('POST', '/api/v1/sign', JSON_TYPE), json(signBody('eddsa-ed25519')), none, json(signature)),
    )
    all.set(
      'lying-pending',
      pack(
        4 + 32,
        headOf('POST', '/api/v1/sign', JSON_TYPE),
        json(signBody('eddsa-ed25519')),
        none,
        json({ ...signature, state: 'pending_signing' }),
      ),
    )
    all.set(
      'lying-problem',
      pack(4 + 16 * 11, headOf('POST', '/api/v1/sign', JSON_TYPE), json(signBody('ecdsa-secp256k1')), none, json(problem)),
    )
    const items = [
      { status: 200, signature },
      { status: 500, problem },
    ]
    all.set(
      'lying-batch',
      pack(
        4,
        headOf('POST', '/api/v1/sign/batch', JSON_TYPE),
        json({ items: SCHEMES.map(signBody).slice(0, 2) }),
        none,
        json({ items }),
      ),
    )
    all.set(
      'lying-set',
      pack(4, headOf('GET', '/api/v1/set'), none, none, json({ id: NAMELESS_SET, quorum: 'full', signers: [] })),
    )
    return all
  }

  return {
    maxLength: 1 << 14,
    dictionary: [
      'GET',
      'POST',
      '/api/v1/',
      'wait_ms=0',
      'Bearer ',
      'authorization: ',
      'idempotency-key: ',
      'content-encoding: gzip',
      'content-length: 5',
      ...SCHEMES.map(namelessKey),
    ],
    seeds,
    reaches: [
      'POST /api/v1/keys 201',
      'POST /api/v1/sign 200',
      'POST /api/v1/sign/batch 200 malformed_request signed',
      'GET /api/v1/keys 200',
      'GET /api/v1/keys 401 authentication_failed',
      'GET /api/v1/keys 403 authorization_invalid',
      'GET /api/v1/keys/{id} 304',
      'PATCH /api/v1/keys/{id} 200',
      'PATCH /api/v1/keys/{id} 412 precondition_failed',
      'POST /api/v1/keys/{id}/freeze 200',
      'POST /api/v1/keys/{id}/archive 200',
      'lied to: POST /api/v1/keys/{id}/freeze 500 protocol_abort',
      'GET /api/v1/sessions 404 not_found',
      'POST /api/v1/verify 200 valid',
      'POST /api/v1/verify 200 mismatch',
      'POST /api/v1/verify 200 high_s',
      'POST /api/v1/verify 404 key_not_found',
      'GET /api/v1/set 200',
    ],
    close: () => world.close(),
    run: async (input) => {
      const container = unpack(input)
      const { names, token: honest } = world
      const head = named(Buffer.from(partOf(container, 0)).toString('latin1'), names)
      const body = namedBytes(partOf(container, container.parts.length === 1 ? 0 : 1), names)
      const request = requestOf({ head, body })
      if (request === null) return 'no request'
      const token = bit(container, 0) ? null : bit(container, 1) ? await world.tokenOf(partOf(container, 2)) : honest
      if (token !== null) request.headers.set('authorization', `Bearer ${token}`)
      const lie = bit(container, 2)
        ? { status: STATUSES[container.mode >> 4] as number, body: namedBytes(partOf(container, 3), names) }
        : undefined
      const answer = await world.fetch(request, lie)
      const said = lie === undefined ? '' : await answer.clone().text()
      const outcome = await judged(request, answer, lie !== undefined)
      promise(!said.includes('"state":"signed"'), 'a signature on the word of a coordinator')
      promise(
        lie === undefined || !/^POST \/api\/v1\/keys.* 20[01]/.test(outcome),
        'a key or a change of one on the word of a coordinator',
      )
      promise(lie === undefined || !/^PATCH .* 200/.test(outcome), 'a label on the word of a coordinator')
      // Keys that have changed would be other ones for the next input.
      if (changesKeys(outcome)) {
        world.close()
        world = await gatewayWorld()
      }
      return lie === undefined ? outcome : `lied to: ${outcome}`
    },
  }
}
