import { describe, expect, it } from 'vitest'
import { Session, Signature } from '../../../src/host/api/schemas.ts'
import { post } from '../api/requests.ts'
import { gateway } from './harness.ts'

const g = gateway()
const MESSAGE = { kind: 'message', bytes: '0x68656c6c6f', hash: 'sha256' }

describe('a session', () => {
  it('is read by who asked for a signature in it, under the request id that they chose', async () => {
    const key = await g.newKey()
    const body = { key_id: key.id, payload: MESSAGE, request_id: 'req_mine' }
    const view = Signature.parse(await (await g.call('/api/v1/sign', post(body))).json())
    const answer = await g.call(`/api/v1/sessions/${view.session_id}`)
    expect(answer.status).toBe(200)
    const session = Session.parse(await answer.json())
    expect(session).toMatchObject({ id: view.session_id, engine: 'hm', state: 'done' })
    expect(session.items).toEqual([{ request_id: 'req_mine', signature_id: view.id, outcome: 'signed', code: null }])
  })

  it('T-21 does not exist for other users, though all are one credential to the coordinator', async () => {
    const key = await g.newKey()
    const view = Signature.parse(await (await g.call('/api/v1/sign', post({ key_id: key.id, payload: MESSAGE }))).json())
    for (const claims of [{ sub: 'bob' }, { sub: 'alice', tenant: 'globex' }]) {
      const answer = await g.call(`/api/v1/sessions/${view.session_id}`, {}, await g.token(claims))
      expect(await g.problemOf(answer)).toMatchObject({ status: 404, code: 'not_found' })
    }
    const none = await g.call(`/api/v1/sessions/ses_${'0'.repeat(64)}`)
    expect(await g.problemOf(none)).toMatchObject({ status: 404, code: 'not_found' })
    expect(await g.problemOf(await g.call('/api/v1/sessions/17'))).toMatchObject({ status: 400, code: 'malformed_request' })
  })

  it('is not taken from a coordinator that answers with another one, or with anything else', async () => {
    const key = await g.newKey()
    const view = Signature.parse(await (await g.call('/api/v1/sign', post({ key_id: key.id, payload: MESSAGE }))).json())
    for (const body of ['{}', '[]', `{"id":"ses_${'1'.repeat(64)}"}`]) {
      g.peer = { request: async () => ({ status: 200, headers: {}, body: new TextEncoder().encode(body) }) }
      expect(await g.problemOf(await g.call(`/api/v1/sessions/${view.session_id}`))).toMatchObject({ code: 'quorum_unavailable' })
    }
  })
})

describe('POST /api/v1/verify', () => {
  it('judges under a key of the caller’s tenant, and under no other’s', async () => {
    const key = await g.newKey()
    const view = Signature.parse(await (await g.call('/api/v1/sign', post({ key_id: key.id, payload: MESSAGE }))).json())
    const body = { key_id: key.id, payload: MESSAGE, signature: view.signature?.serialized }
    expect(await (await g.call('/api/v1/verify', post(body))).json()).toEqual({ valid: true })
    const other = await g.call('/api/v1/verify', post(body), await g.token({ tenant: 'globex' }))
    expect(await g.problemOf(other)).toMatchObject({ status: 404, code: 'key_not_found' })
    const unscoped = await g.call('/api/v1/verify', post(body), await g.token({}, 'sign'))
    expect(await g.problemOf(unscoped)).toMatchObject({ status: 403 })
  })
})
