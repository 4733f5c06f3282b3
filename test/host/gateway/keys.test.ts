import { describe, expect, it } from 'vitest'
import { Key, KeyPage } from '../../../src/host/api/schemas.ts'
import { parseDocument } from '../../../src/protocol/request/document.ts'
import { post } from '../api/requests.ts'
import { gateway } from './harness.ts'

const g = gateway()

describe('creating a key', () => {
  it('takes a scheme and answers with what all signers certified', async () => {
    const answer = await g.call('/api/v1/keys', post({ scheme: 'ecdsa-secp256k1', label: 'Kasse', request_id: 'req_first' }))
    expect(answer.status).toBe(201)
    const key = Key.parse(await answer.json())
    expect(key).toMatchObject({ scheme: 'ecdsa-secp256k1', label: 'Kasse', state: 'active', threshold: 2, parties: 3, epoch: 1 })
    expect(Object.keys(key.addresses)).toEqual(['evm', 'bitcoin_p2wpkh'])
    expect(answer.headers.get('location')).toBe(`/api/v1/keys/${key.id}`)
    expect(answer.headers.get('idempotency-key')).toBe('req_first')
    expect(await (await g.call(`/api/v1/keys/${key.id}`)).json()).toEqual(key)
  })

  it('sends a document of the gateway, with who stands behind it', async () => {
    await g.call('/api/v1/keys', post({ scheme: 'eddsa-ed25519', request_id: 'req_mine' }))
    const document = parseDocument(g.set.received[0] as Uint8Array)
    expect(document).toMatchObject({
      type: 'keygen.v1',
      audience: g.set.audience,
      reference: 'req_mine',
      threshold: 2,
      parties: 3,
    })
    expect({ ...document.metadata }).toEqual({ tenant: 'acme', user: 'alice' })
    expect(document.expiresAt - document.issuedAt).toBe(60_000)
  })

  it('makes a request id and returns it, also when it fails', async () => {
    const made = (await g.call('/api/v1/keys', post({ scheme: 'ecdsa-secp256k1' }))).headers.get('idempotency-key')
    expect(made).toMatch(/^req_[0-9a-f]{32}$/)
    g.peer = { request: () => Promise.reject(new Error('a bug')) }
    const problem = await g.problemOf(await g.call('/api/v1/keys', post({ scheme: 'ecdsa-secp256k1' })))
    expect(problem).toMatchObject({
      code: 'internal',
      outcome: 'unknown',
      request_id: expect.stringMatching(/^req_[0-9a-f]{32}$/),
    })
  })

  it('repeated under its id gives the same key, also after a restart', async () => {
    const body = post({ scheme: 'ecdsa-secp256k1', label: 'one' }, { 'idempotency-key': 'abc' })
    const first = await (await g.call('/api/v1/keys', body)).json()
    g.restart()
    expect(await (await g.call('/api/v1/keys', body)).json()).toEqual(first)
    const other = await g.call('/api/v1/keys', post({ scheme: 'ecdsa-secp256k1', label: 'two', request_id: 'req_abc' }))
    expect(await g.problemOf(other)).toMatchObject({
      status: 409,
      code: 'request_replayed',
      request_id: 'req_abc',
      outcome: 'none',
    })
    expect(g.set.received).toHaveLength(2)
    expect(g.set.received[0]).toEqual(g.set.received[1])
  })

  it.each([
    [{}, '/scheme'],
    [{ scheme: 'rsa' }, '/scheme'],
    [{ scheme: 'ecdsa-secp256k1', threshold: 1 }, '/threshold'],
    [{ scheme: 'ecdsa-secp256k1', threshold: 4 }, '/threshold'],
    [{ scheme: 'ecdsa-secp256k1', parties: 2 }, '/parties'],
    [{ scheme: 'ecdsa-secp256k1', label: '' }, '/label'],
    [{ scheme: 'ecdsa-secp256k1', label: 'a\u202eb' }, '/label'],
    [{ scheme: 'ecdsa-secp256k1', label: 'x'.repeat(65) }, '/label'],
    [{ scheme: 'ecdsa-secp256k1', request_id: 'mine' }, '/request_id'],
    [{ scheme: 'ecdsa-secp256k1', public: true }, ''],
  ])('%j is malformed at %s', async (body, pointer) => {
    const problem = await g.problemOf(await g.call('/api/v1/keys', post(body)))
    expect(problem).toMatchObject({ status: 400, code: 'malformed_request', errors: [{ pointer }] })
    expect(g.set.received).toEqual([])
  })
})

describe('a key that is not what all signers stand for is never shown', () => {
  const attempt = async () => g.problemOf(await g.call('/api/v1/keys', post({ scheme: 'ecdsa-secp256k1', request_id: 'req_x' })))
  const refused = { status: 500, code: 'protocol_abort', outcome: 'unknown', request_id: 'req_x' }

  it('when a byte of the certificate changed', async () => {
    g.set.bend.key = (view) => {
      const bytes = Buffer.from(view.certificate, 'base64url')
      bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1
      return { ...view, certificate: bytes.toString('base64url') }
    }
    expect(await attempt()).toMatchObject(refused)
  })

  it('when it was made for another request', async () => {
    g.set.bend.certify = (key) => ({ ...key, requestHash: new Uint8Array(32) })
    expect(await attempt()).toMatchObject(refused)
  })

  it('when it has another threshold than was asked for', async () => {
    g.set.bend.certify = (key) => ({ ...key, threshold: 3 })
    expect(await attempt()).toMatchObject(refused)
  })

  it('when it belongs to another roster', async () => {
    g.set.bend.certify = (key) => ({ ...key, rosterHash: new Uint8Array(32) })
    expect(await attempt()).toMatchObject(refused)
  })

  it('when there is no certificate at all', async () => {
    g.set.bend.key = (view) => ({ ...view, certificate: '' })
    expect(await attempt()).toMatchObject(refused)
    expect(KeyPage.parse(await (await g.call('/api/v1/keys')).json()).keys).toEqual([])
  })

  it('and what the coordinator says beside it does not matter', async () => {
    g.set.bend.key = (view) => ({
      ...view,
      id: `key_${'1'.repeat(64)}`,
      publicKey: `0x02${'11'.repeat(32)}`,
      label: 'evil',
      threshold: 16,
      epoch: 9,
    })
    // The double's own rendering derives an address from the key it claims, so give it a real point.
    g.set.bend.key = ((inner) => (view) => ({
      ...inner(view),
      publicKey: '0x0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798',
    }))(g.set.bend.key)
    const key = Key.parse(await (await g.call('/api/v1/keys', post({ scheme: 'ecdsa-secp256k1', label: 'mine' }))).json())
    expect(key.id).not.toBe(`key_${'1'.repeat(64)}`)
    expect(key.public_key).not.toContain('79be667e')
    expect(key).toMatchObject({ label: 'mine', threshold: 2, epoch: 1 })
  })
})

describe('keys belong to their tenant', () => {
  it('others get key_not_found, as for keys that do not exist', async () => {
    const key = await g.newKey()
    const bob = await g.token({ sub: 'bob', tenant: 'other' })
    const body = { key_id: key.id, payload: { kind: 'message', bytes: '0x00', hash: 'sha256' } }
    const theirs = await g.problemOf(await g.call(`/api/v1/keys/${key.id}`, {}, bob))
    const nobodys = await g.problemOf(await g.call(`/api/v1/keys/key_${'0'.repeat(64)}`, {}, bob))
    expect({ ...theirs, request_id: '' }).toEqual({ ...nobodys, request_id: '' })
    expect(theirs).toMatchObject({ status: 404, code: 'key_not_found' })
    expect(await g.problemOf(await g.call('/api/v1/sign', post(body), bob))).toMatchObject({
      code: 'key_not_found',
      outcome: 'none',
    })
    expect(await (await g.call('/api/v1/keys', {}, bob)).json()).toEqual({ keys: [], next_cursor: null })
    // Also from the disk, when nothing is remembered.
    g.restart()
    expect((await g.call(`/api/v1/keys/${key.id}`, {}, bob)).status).toBe(404)
    expect((await g.call(`/api/v1/keys/${key.id}`)).status).toBe(200)
  })

  it('are shared within a tenant; a caller whose token names none is one of its own, whatever its name', async () => {
    const key = await g.newKey()
    expect((await g.call(`/api/v1/keys/${key.id}`, {}, await g.token({ sub: 'carol' }))).status).toBe(200)
    const alone = await g.token({ sub: 'dave', tenant: undefined })
    const own = await g.newKey('eddsa-ed25519', alone)
    expect((await g.call(`/api/v1/keys/${own.id}`, {}, alone)).status).toBe(200)
    const named = [await g.token({ sub: 'x', tenant: 'dave' }), await g.token({ sub: 'dave', tenant: 'dave' })]
    for (const token of named) expect((await g.call(`/api/v1/keys/${own.id}`, {}, token)).status).toBe(404)
    expect((await g.call(`/api/v1/keys/${key.id}`, {}, alone)).status).toBe(404)
    const acme = await g.token({ sub: 'acme', tenant: undefined })
    expect((await g.call(`/api/v1/keys/${key.id}`, {}, acme)).status).toBe(404)
  })

  it('are listed in pages, by scheme and by label', async () => {
    const ids: string[] = []
    for (const scheme of ['ecdsa-secp256k1', 'eddsa-ed25519', 'schnorr-secp256k1']) ids.push((await g.newKey(scheme)).id)
    const found: string[] = []
    let query = '?limit=2'
    for (;;) {
      const page = KeyPage.parse(await (await g.call(`/api/v1/keys${query}`)).json())
      found.push(...page.keys.map(({ id }) => id))
      if (page.next_cursor === null) break
      query = `?limit=2&cursor=${page.next_cursor}`
    }
    expect(found.sort()).toEqual(ids.sort())
    const taproot = KeyPage.parse(await (await g.call('/api/v1/keys?scheme=schnorr-secp256k1')).json())
    expect(taproot.keys.map(({ scheme }) => scheme)).toEqual(['schnorr-secp256k1'])
    expect(await (await g.call('/api/v1/keys?label=none')).json()).toEqual({ keys: [], next_cursor: null })
    for (const cursor of ['x', 'AAAA', Buffer.from('1.zz').toString('base64url')]) {
      expect(await g.problemOf(await g.call(`/api/v1/keys?cursor=${cursor}`))).toMatchObject({
        errors: [{ pointer: 'query/cursor' }],
      })
    }
  })
})
