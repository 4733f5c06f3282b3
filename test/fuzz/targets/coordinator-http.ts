import { ed25519 } from '@noble/curves/ed25519.js'
import { fromHex } from '../../../src/protocol/engine/bytes.ts'
import { authorizationMessage, type Credential } from '../../../src/protocol/request/authorize.ts'
import { encodeDocument, SCHEMES } from '../../../src/protocol/request/document.ts'
import { bytes32 } from '../../protocol/signing/dealt-key.ts'
import { bit, pack, partOf, unpack } from '../container.ts'
import { coordinatorWorld } from '../coordinator-world.ts'
import { changesKeys, headOf, JSON_TYPE, judged, NO_SESSION, requestOf, verifyBodies } from '../http-exchange.ts'
import { NAMELESS_SET, type Names, named, namedBytes, namelessKey } from '../key-names.ts'
import { keygenDocument, signDocument, updateDocument } from '../signer-trio.ts'
import type { FuzzTarget } from '../target.ts'

const SEED = bytes32('coordinator-http/credential')
const CREDENTIAL: Credential = {
  id: 'cred_alice',
  tenant: 'acme',
  alg: 'ed25519',
  publicKey: ed25519.getPublicKey(SEED),
  digest: true,
}

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')

/** The coordinator form of a document. */
const formOf = (document: Uint8Array) => ({
  request: base64url(document),
  authorizations: [
    { credential_id: CREDENTIAL.id, alg: 'ed25519', signature: base64url(ed25519.sign(authorizationMessage(document), SEED)) },
  ],
})

/** Signs the documents of a body anew, with the names of this set in them: without that, all mutants would end at the signature. */
function signedAnew(body: Uint8Array, names: Names): Uint8Array {
  const sign = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null || !('request' in value) || typeof value.request !== 'string') return value
    const form = formOf(namedBytes(Buffer.from(value.request, 'base64url'), names))
    const { authorizations } = value as { readonly authorizations?: unknown }
    return {
      ...value,
      request: form.request,
      authorizations: Array.isArray(authorizations) && authorizations.length === 1 ? form.authorizations : authorizations,
    }
  }
  try {
    const json = JSON.parse(Buffer.from(body).toString()) as { readonly items?: unknown } | null
    const items = json?.items
    return Buffer.from(JSON.stringify(Array.isArray(items) ? { ...json, items: items.map(sign) } : sign(json)))
  } catch {
    return body
  }
}

/** The coordinator's API before a set that holds whole keys. Parts: head, body. Mode: bit 0, documents are signed; bit 1, an unknown client. */
export async function open(): Promise<FuzzTarget> {
  const makeWorld = () => coordinatorWorld(CREDENTIAL, (document) => ed25519.sign(authorizationMessage(document), SEED))
  let world = await makeWorld()
  const documents = SCHEMES.flatMap((scheme) => {
    const keyId = fromHex(namelessKey(scheme).slice(4))
    const changes = { audience: NAMELESS_SET }
    return [keygenDocument(scheme, changes), signDocument(scheme, keyId, changes), updateDocument(scheme, keyId, changes)]
  })
  return {
    maxLength: 1 << 15,
    dictionary: [
      'GET',
      'POST',
      'HEAD',
      '/api/v1/',
      'wait_ms=0',
      'cursor=',
      'limit=200',
      'content-length: 5',
      'content-encoding: gzip',
      'if-none-match: "0"',
      ...SCHEMES.map(namelessKey),
      NAMELESS_SET,
    ],
    seeds: () => {
      const seeds = new Map<string, Uint8Array>()
      for (const document of documents) {
        const body = Buffer.from(JSON.stringify(formOf(encodeDocument(document))))
        const path = {
          'sign.v1': '/api/v1/sign?wait_ms=10',
          'keygen.v1': '/api/v1/keys',
          'key-update.v1': `/api/v1/keys/${namelessKey(document.scheme)}/freeze`,
        }[document.type]
        seeds.set(`${document.type}-${document.scheme}`, pack(1, headOf('POST', path, JSON_TYPE), body))
      }
      const renamed = updateDocument('eddsa-ed25519', fromHex(namelessKey('eddsa-ed25519').slice(4)), {
        audience: NAMELESS_SET,
        state: 'active',
        label: 'Savings',
      })
      const labelled = Buffer.from(JSON.stringify(formOf(encodeDocument(renamed))))
      seeds.set('label', pack(1, headOf('PATCH', `/api/v1/keys/${namelessKey('eddsa-ed25519')}`, JSON_TYPE), labelled))
      seeds.set(
        'known',
        pack(0, headOf('GET', `/api/v1/keys/${namelessKey('eddsa-ed25519')}`, { 'if-none-match': '"0"' }), new Uint8Array(0)),
      )
      const items = documents.filter(({ type }) => type === 'sign.v1').map((document) => formOf(encodeDocument(document)))
      const get = (name: string, path: string, mode = 0) => seeds.set(name, pack(mode, headOf('GET', path), new Uint8Array(0)))
      seeds.set(
        'batch',
        pack(1, headOf('POST', '/api/v1/sign/batch', JSON_TYPE), Buffer.from(JSON.stringify({ items: [...items, 7] }))),
      )
      seeds.set('unsigned', pack(0, headOf('POST', '/api/v1/sign', JSON_TYPE), Buffer.from(JSON.stringify(items[0]))))
      seeds.set('long', pack(0, headOf('POST', '/api/v1/sign', { ...JSON_TYPE, 'content-length': '999999' }), Buffer.from('{}')))
      seeds.set('text', pack(0, headOf('POST', '/api/v1/sign', { 'content-type': 'text/plain' }), Buffer.from('{}')))
      get('keys', '/api/v1/keys?limit=2&scheme=eddsa-ed25519')
      get('next-page', '/api/v1/keys?limit=1&cursor=1')
      get('key', `/api/v1/keys/${namelessKey('eddsa-ed25519')}`)
      get('no-key', `/api/v1/keys/key_${'f'.repeat(64)}`)
      get('signature', `/api/v1/signatures/sig_${'0'.repeat(32)}?wait_ms=0`)
      get('session', `/api/v1/sessions/${NO_SESSION}`)
      for (const [name, body] of verifyBodies())
        seeds.set(`verify-${name}`, pack(0, headOf('POST', '/api/v1/verify', JSON_TYPE), body))
      get('set', '/api/v1/set')
      get('unknown-client', '/api/v1/set', 2)
      for (const path of ['health', 'ready', 'metrics', 'openapi.json', 'docs']) get(path, `/${path}`)
      return seeds
    },
    reaches: [
      'POST /api/v1/keys 201',
      'POST /api/v1/sign 200',
      'POST /api/v1/sign/batch 200 malformed_request signed',
      'GET /api/v1/keys 200',
      'GET /api/v1/keys/{id} 304',
      'PATCH /api/v1/keys/{id} 200',
      'POST /api/v1/keys/{id}/freeze 200',
      'GET /api/v1/keys/{id} 404 key_not_found',
      'GET /api/v1/sessions 404 not_found',
      'POST /api/v1/verify 200 valid',
      'POST /api/v1/verify 200 mismatch',
      'POST /api/v1/verify 404 key_not_found',
      'GET /api/v1/set 200',
      'GET /api/v1/set 401 authentication_failed',
      'POST /api/v1/sign 413 payload_too_large',
    ],
    run: async (input) => {
      const container = unpack(input)
      const { names } = world
      const head = named(Buffer.from(partOf(container, 0)).toString('latin1'), names)
      const said = partOf(container, container.parts.length === 1 ? 0 : 1)
      const body = bit(container, 0) ? signedAnew(said, names) : namedBytes(said, names)
      const request = requestOf({ head, body })
      if (request === null) return 'no request'
      const outcome = await judged(request, await world.fetch(request, !bit(container, 1)))
      // Keys that have changed would be other ones for the next input.
      if (changesKeys(outcome)) world = await makeWorld()
      return outcome
    },
  }
}
