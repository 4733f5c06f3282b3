import { describe, expect, it } from 'vitest'
import { ApiProblem } from '../../../src/host/api/problem.ts'
import { Key, KeyPage } from '../../../src/host/api/schemas.ts'
import { type KeyUpdateDocument, parseDocument } from '../../../src/protocol/request/document.ts'
import { post } from '../api/requests.ts'
import { gateway } from './harness.ts'

const g = gateway()
type Headers = Readonly<Record<string, string>>
const patch = (id: string, body: unknown, headers: Headers = {}, token?: string) =>
  g.call(`/api/v1/keys/${id}`, { ...post(body, headers), method: 'PATCH' }, token)
const act = (id: string, action: string, body: unknown = {}, headers: Headers = {}, token?: string) =>
  g.call(`/api/v1/keys/${id}/${action}`, post(body, headers), token)
const read = async (id: string) => Key.parse(await (await g.call(`/api/v1/keys/${id}`)).json())
const sent = () => parseDocument(g.set.received.at(-1) as Uint8Array) as KeyUpdateDocument

describe('a key’s state through the gateway', () => {
  it('is frozen, unfrozen and archived; each answer has every signer’s receipt behind it', async () => {
    const key = await g.newKey()
    expect(key).toMatchObject({ state: 'active', revision: 0, settled: true })
    const answer = await act(key.id, 'freeze')
    expect([answer.status, answer.headers.get('etag')]).toEqual([200, '"1"'])
    expect(Key.parse(await answer.json())).toMatchObject({ id: key.id, state: 'frozen', revision: 1, settled: true })
    expect(sent()).toMatchObject({ type: 'key-update.v1', revision: 1, state: 'frozen', label: null })
    const body = { key_id: key.id, payload: { kind: 'message', bytes: '0x00', hash: 'sha256' } }
    expect(await g.problemOf(await g.call('/api/v1/sign', post(body)))).toMatchObject({ status: 409, code: 'key_frozen' })
    // Also without any body, as curl sends it.
    const unfrozen = await g.call(`/api/v1/keys/${key.id}/unfreeze`, { method: 'POST' })
    expect(Key.parse(await unfrozen.json())).toMatchObject({ state: 'active', revision: 2 })
    expect((await g.call('/api/v1/sign', post(body))).status).toBe(200)
    expect((await act(key.id, 'archive')).status).toBe(200)
    g.restart()
    expect(await read(key.id)).toMatchObject({ state: 'archived', revision: 3 })
    expect(await g.problemOf(await act(key.id, 'unfreeze'))).toMatchObject({ status: 409, code: 'key_frozen', outcome: 'none' })
    const listed = async (query: string) =>
      KeyPage.parse(await (await g.call(`/api/v1/keys${query}`)).json()).keys.map((k) => k.id)
    expect([await listed(''), await listed('?state=archived')]).toEqual([[], [key.id]])
  })

  it('has labels that are changed only by who has seen them', async () => {
    const key = await g.newKey()
    const tag = (await g.call(`/api/v1/keys/${key.id}`)).headers.get('etag') ?? ''
    expect(tag).toBe('"0"')
    expect(await g.problemOf(await patch(key.id, { label: 'a' }))).toMatchObject({
      status: 400,
      errors: [{ pointer: 'header/if-match' }],
    })
    expect(await g.problemOf(await patch(key.id, { label: 'a' }, { 'if-match': '"7"' }))).toMatchObject({
      status: 412,
      code: 'precondition_failed',
      outcome: 'none',
    })
    const changed = await patch(key.id, { label: 'a' }, { 'if-match': tag })
    expect([changed.status, changed.headers.get('etag')]).toEqual([200, '"1"'])
    expect((await patch(key.id, { label: 'b' }, { 'if-match': tag })).status).toBe(412)
    expect((await patch(key.id, { label: 'b' }, { 'if-match': `"0", ${'"1"'}` })).status).toBe(200)
    expect((await act(key.id, 'freeze', {}, { 'if-match': '"1"' })).status).toBe(412)
    expect((await act(key.id, 'freeze', {}, { 'if-match': '"2"' })).status).toBe(200)
    // The label stays, and the state when the label goes.
    expect(await read(key.id)).toMatchObject({ label: 'b', state: 'frozen', revision: 3 })
    expect((await patch(key.id, { label: null }, { 'if-match': '*' })).status).toBe(200)
    expect(await read(key.id)).toMatchObject({ label: null, state: 'frozen', revision: 4 })
    const fresh = await g.call(`/api/v1/keys/${key.id}`, { headers: { 'if-none-match': 'W/"4"' } })
    expect([fresh.status, await fresh.text(), fresh.headers.get('etag')]).toEqual([304, '', '"4"'])
    expect((await g.call(`/api/v1/keys/${key.id}`, { headers: { 'if-none-match': '"3"' } })).status).toBe(200)
  })

  it('the same request id sends the same bytes, with a tag that its own success made stale', async () => {
    const key = await g.newKey()
    const headers = { 'if-match': '"0"', 'idempotency-key': 'one' }
    const first = await (await patch(key.id, { label: 'x' }, headers)).json()
    const bytes = g.set.received.at(-1)
    g.restart()
    expect(await (await patch(key.id, { label: 'x' }, headers)).json()).toEqual(first)
    expect(g.set.received.at(-1)).toEqual(bytes)
    for (const other of [patch(key.id, { label: 'y' }, headers), act(key.id, 'freeze', { request_id: 'req_one' })])
      expect(await g.problemOf(await other)).toMatchObject({ status: 409, code: 'request_replayed' })
  })

  it('a request id stands for an action too, not only for the state that came of it', async () => {
    const key = await g.newKey()
    expect((await act(key.id, 'freeze', { request_id: 'req_cold' })).status).toBe(200)
    const labelled = await patch(key.id, { label: null }, { 'if-match': '*', 'idempotency-key': 'named' })
    expect(Key.parse(await labelled.json())).toMatchObject({ state: 'frozen', label: null, revision: 2 })
    const before = g.set.received.length
    const others = [
      act(key.id, 'freeze', { request_id: 'req_named' }),
      patch(key.id, { label: null }, { 'if-match': '*', 'idempotency-key': 'cold' }),
    ]
    for (const other of others)
      expect(await g.problemOf(await other)).toMatchObject({ status: 409, code: 'request_replayed', outcome: 'none' })
    expect(g.set.received.length).toBe(before)
  })

  it('changes at once are made one after the other, each from what the one before has left', async () => {
    const key = await g.newKey()
    const revisions = () => g.set.received.map((b) => parseDocument(b)).flatMap((d) => ('revision' in d ? [d.revision] : []))
    const answers = await Promise.all([
      act(key.id, 'freeze'),
      patch(key.id, { label: 'a' }, { 'if-match': '*' }),
      patch(key.id, { label: 'b' }, { 'if-match': '"0"' }),
      act(key.id, 'unfreeze'),
      act(key.id, 'freeze', { request_id: 'req_last' }),
    ])
    // In which order they arrive is nobody's promise: the one that wants revision 0 is right only as the first.
    const [first, second, conditional, ...others] = answers.map((a) => a.status)
    expect([first, second, ...others]).toEqual([200, 200, 200, 200])
    expect([200, 412]).toContain(conditional)
    const made = answers.filter((a) => a.status === 200).length
    expect(revisions()).toEqual(Array.from({ length: made }, (_, i) => i + 1))
    expect(await read(key.id)).toMatchObject({ revision: made, settled: true })
  })

  it('one that never ends holds up four more of its key, turns away the rest, and holds up no other key', async () => {
    const [key, other] = [await g.newKey(), await g.newKey()]
    const { peer } = g
    const open = Promise.withResolvers<void>()
    g.peer = {
      request: async (request) => {
        if (request.path.includes(key.id)) await open.promise
        return await peer.request(request)
      },
    }
    const five = ['freeze', 'unfreeze', 'freeze', 'unfreeze', 'freeze'].map((action) => act(key.id, action))
    const sixth = await act(key.id, 'unfreeze')
    expect(sixth.headers.get('retry-after')).toBe('1')
    expect(await g.problemOf(sixth)).toMatchObject({ status: 503, code: 'overloaded', outcome: 'none' })
    expect((await act(other.id, 'freeze')).status).toBe(200)
    open.resolve()
    expect((await Promise.all(five)).map((a) => a.status)).toEqual([200, 200, 200, 200, 200])
    expect((await act(key.id, 'unfreeze')).status).toBe(200)
    expect(await read(key.id)).toMatchObject({ state: 'active', revision: 6 })
  })

  it('is for those with keys:manage, and for their own tenant’s keys', async () => {
    const key = await g.newKey()
    const reader = await g.token({}, 'keys:read keys:write sign digest')
    const stranger = await g.token({ sub: 'bob', tenant: 'other' })
    const sentBefore = g.set.received.length
    for (const action of ['freeze', 'unfreeze', 'archive']) {
      expect((await act(key.id, action, {}, {}, reader)).status).toBe(403)
      expect(await g.problemOf(await act(key.id, action, {}, {}, stranger))).toMatchObject({ status: 404, code: 'key_not_found' })
    }
    expect((await patch(key.id, { label: 'x' }, { 'if-match': '"0"' }, reader)).status).toBe(403)
    expect((await patch(key.id, { label: 'x' }, { 'if-match': '"0"' }, stranger)).status).toBe(404)
    expect(g.set.received.length).toBe(sentBefore)
  })

  it.each([[{ label: '' }], [{ label: 'x'.repeat(65) }], [{ label: 'a\u202eb' }], [{}], [{ label: 'x', state: 'frozen' }]])(
    '%j is malformed',
    async (body) => {
      const key = await g.newKey()
      expect((await patch(key.id, body, { 'if-match': '"0"' })).status).toBe(400)
    },
  )
})

describe('a coordinator that lies about updates', () => {
  it('is not believed without the receipts of all signers for this very document', async () => {
    const key = await g.newKey()
    let first: readonly Uint8Array[] = []
    g.set.bend.updated = (view) => {
      first = view.receipts
      return { ...view, receipts: view.receipts.slice(0, 2) }
    }
    expect(await g.problemOf(await act(key.id, 'freeze'))).toMatchObject({ code: 'protocol_abort', outcome: 'unknown' })
    expect(await read(key.id)).toMatchObject({ state: 'frozen', revision: 1, settled: false })
    expect((await g.call(`/api/v1/keys/${key.id}`)).headers.get('etag')).toBe('"1.open"')
    // Receipts of an earlier update are none for this one.
    g.set.bend.updated = (view) => ({ ...view, receipts: first })
    expect(await g.problemOf(await act(key.id, 'unfreeze'))).toMatchObject({ code: 'protocol_abort' })
    g.set.bend.updated = (view) => view
    expect((await act(key.id, 'freeze')).status).toBe(200)
    expect(await read(key.id)).toMatchObject({ state: 'frozen', revision: 3, settled: true })
  })

  it('cannot pass an old freeze off as the key’s state with the receipts that it once had', async () => {
    const key = await g.newKey()
    const freeze = { request_id: 'req_old' }
    let old: readonly Uint8Array[] = []
    g.set.bend.updated = (view) => {
      old = view.receipts
      return view
    }
    expect((await act(key.id, 'freeze', freeze)).status).toBe(200)
    g.set.bend.updated = (view) => view
    expect((await act(key.id, 'unfreeze')).status).toBe(200)
    const { peer } = g
    const asked: string[] = []
    g.peer = {
      request: async ({ path }) => {
        asked.push(path)
        const receipts = old.map((r) => `0x${Buffer.from(r).toString('hex')}`)
        return { status: 200, headers: {}, body: Buffer.from(JSON.stringify({ receipts })) }
      },
    }
    const again = await act(key.id, 'freeze', freeze)
    expect(await g.problemOf(again)).toMatchObject({
      status: 409,
      code: 'revision_conflict',
      outcome: 'none',
      request_id: 'req_old',
    })
    expect(asked).toEqual([])
    g.peer = peer
    expect(await read(key.id)).toMatchObject({ state: 'active', revision: 2, settled: true })
    expect((await act(key.id, 'freeze')).status).toBe(200)
  })

  it('an unknown outcome uses its revision up, a refusal does not', async () => {
    const key = await g.newKey()
    g.set.bend.refuse = (document) =>
      document.type === 'key-update.v1' ? new ApiProblem('authorization_invalid', 'no', { outcome: 'none' }) : undefined
    expect((await act(key.id, 'freeze')).status).toBe(403)
    expect(await read(key.id)).toMatchObject({ state: 'active', revision: 0, settled: true })
    g.set.bend.refuse = (document) =>
      document.type === 'key-update.v1'
        ? new ApiProblem('quorum_unavailable', 'away', { outcome: 'unknown', missing: ['signer-2'] })
        : undefined
    const body = { request_id: 'req_again' }
    expect(await g.problemOf(await act(key.id, 'freeze', body))).toMatchObject({ status: 503, missing: ['signer-2'] })
    expect(await read(key.id)).toMatchObject({ state: 'frozen', revision: 1, settled: false })
    g.set.bend.refuse = () => undefined
    expect((await act(key.id, 'freeze', body)).status).toBe(200)
    expect(await read(key.id)).toMatchObject({ state: 'frozen', revision: 1, settled: true })
  })

  it('a gateway that is behind catches up, a revision with each try', async () => {
    const key = await g.newKey()
    for (let i = 0; i < 3; i++) await act(key.id, 'freeze')
    g.store.database.statement('UPDATE keys SET revision = 0').run()
    g.restart()
    const statuses: number[] = []
    for (let i = 0; i < 4; i++) statuses.push((await act(key.id, 'freeze')).status)
    expect(statuses).toEqual([409, 409, 409, 200])
    expect(await read(key.id)).toMatchObject({ revision: 4, settled: true })
  })
})

describe('a key whose last change is not settled', () => {
  it('takes no label, which would repeat a state that nobody is sure of and so could undo a freeze', async () => {
    const key = await g.newKey()
    // The coordinator says that another update has this revision, which may be true: a freeze, for example.
    g.set.bend.refuse = () => new ApiProblem('revision_conflict', 'not above the signers’ own', { outcome: 'none' })
    expect((await patch(key.id, { label: 'a' }, { 'if-match': '"0"' })).status).toBe(409)
    g.set.bend.refuse = () => undefined
    const tag = (await g.call(`/api/v1/keys/${key.id}`)).headers.get('etag') ?? ''
    const before = g.set.received.length
    const again = await patch(key.id, { label: 'a' }, { 'if-match': tag })
    expect(await g.problemOf(again)).toMatchObject({ status: 409, code: 'revision_conflict', outcome: 'none' })
    expect(g.set.received.length).toBe(before)
    expect((await act(key.id, 'freeze')).status).toBe(200)
    const settled = (await g.call(`/api/v1/keys/${key.id}`)).headers.get('etag') ?? ''
    const labelled = await patch(key.id, { label: 'a' }, { 'if-match': settled })
    expect(Key.parse(await labelled.json())).toMatchObject({ label: 'a', state: 'frozen' })
  })
})
