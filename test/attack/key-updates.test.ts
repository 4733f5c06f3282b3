import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { SignedRequest } from '../../src/host/api/coordinator-service.ts'
import { REPLY_TYPES, UPDATE_KEY } from '../../src/protocol/frames/signer-frames.ts'
import { requestHash } from '../../src/protocol/request/authorize.ts'
import { type KeyUpdateDocument, parseDocument } from '../../src/protocol/request/document.ts'
import { receiptsOfAll } from '../../src/protocol/request/key-update.ts'
import { inProcessSet, type TestSet } from '../host/set/in-process-set.ts'
import { askFor, makeKey, someMessage, type TestKey } from '../host/set/signing-keys.ts'
import { maliciousCoordinator } from './malicious-coordinator.ts'

const SCHEME = 'eddsa-ed25519'
let set: TestSet
let evil: ReturnType<typeof maliciousCoordinator>
let key: TestKey
beforeAll(async () => {
  set = await inProcessSet()
  evil = maliciousCoordinator(set)
})
afterAll(() => set.close())
beforeEach(async () => {
  key = await makeKey(set, SCHEME)
})

type Fields = Partial<KeyUpdateDocument> & { readonly revision: number }
const update = (fields: Fields, who = 'cred_alice', of = key): SignedRequest =>
  set.request(who, { type: 'key-update.v1', scheme: SCHEME, keyId: of.keyId, state: 'active', label: null, ...fields })

/** Brings a document to one signer. The claims beside it are the coordinator's. */
async function bring(
  to: number,
  request: SignedRequest,
  claims: { readonly keyId?: Uint8Array; readonly requestId?: string } = {},
) {
  const requestId = claims.requestId ?? parseDocument(request.document).requestId
  const frame = UPDATE_KEY.encode({ keyId: claims.keyId ?? key.keyId, requestId, request: evil.framed(request) })
  const reply = await evil.ask(to, 'updateKey', frame)
  return { code: reply.type === REPLY_TYPES.done ? 'stored' : reply.code, receipt: reply.result }
}
const codeOf = async (...call: Parameters<typeof bring>): Promise<string> => (await bring(...call)).code
const stateOf = (id: number, of = key) => {
  const row = set.signerOf(id).store.getKey(of.keyId)
  return `${row?.usage} ${row?.revision} ${row?.label}`
}
/** What signers 1 and 2 say to a fresh request for a signature with the key. */
const signing = async (of = key): Promise<string> => {
  const [outcome] = await evil.outcomes(evil.setupOf({}), [evil.itemOf(askFor(set, of, someMessage()))])
  return outcome ?? ''
}

describe('a coordinator that plays with key updates', () => {
  it('gets a receipt for what is stored and for nothing else, and the same one again', async () => {
    const freeze = update({ revision: 1, state: 'frozen', label: 'cold' })
    const answers = await Promise.all([1, 2, 3].map((id) => bring(id, freeze)))
    expect(answers.map((a) => a.code)).toEqual(['stored', 'stored', 'stored'])
    const receipts = answers.map((a) => a.receipt)
    const hash = requestHash(freeze.document)
    expect(receiptsOfAll(hash, receipts, set.roster, set.curves)).toBe(true)
    expect(receiptsOfAll(hash, receipts.toReversed(), set.roster, set.curves)).toBe(false)
    expect(receiptsOfAll(hash, receipts.slice(1), set.roster, set.curves)).toBe(false)
    expect(receiptsOfAll(requestHash(update({ revision: 1 }).document), receipts, set.roster, set.curves)).toBe(false)
    expect([1, 2, 3].map((id) => stateOf(id))).toEqual(Array(3).fill('frozen 1 cold'))
    expect(await bring(1, freeze)).toEqual(answers[0])
    // Also from a new process, and after the document has expired.
    set.restart(1)
    set.clocks.set(1, 120_000)
    expect(await bring(1, freeze)).toEqual(answers[0])
    expect(await codeOf(1, update({ revision: 2 }))).toBe('request_expired')
    set.clocks.clear()
  })

  it('T-07 cannot bring an old unfreeze back after a newer freeze', async () => {
    const [first, unfreeze, second] = [
      update({ revision: 1, state: 'frozen' }),
      update({ revision: 2, state: 'active' }),
      update({ revision: 3, state: 'frozen' }),
    ]
    for (const request of [first, unfreeze, second]) expect(await codeOf(1, request)).toBe('stored')
    for (const old of [first, unfreeze]) expect(await codeOf(1, old)).toBe('revision_conflict')
    expect(stateOf(1)).toBe('frozen 3 null')
  })

  it('cannot turn their order round: what comes late is refused, and a gap is closed by the next', async () => {
    const [freeze, label] = [update({ revision: 1, state: 'frozen' }), update({ revision: 2, state: 'frozen', label: 'b' })]
    expect(await codeOf(1, label)).toBe('stored')
    expect(await codeOf(1, freeze)).toBe('revision_conflict')
    expect(stateOf(1)).toBe('frozen 2 b')
    // Signer 2 saw the first only, signer 3 none; the third puts all of them right.
    expect(await codeOf(2, freeze)).toBe('stored')
    const third = update({ revision: 3, state: 'frozen', label: 'c' })
    for (const id of [1, 2, 3]) expect(await codeOf(id, third)).toBe('stored')
    expect([1, 2, 3].map((id) => stateOf(id))).toEqual(Array(3).fill('frozen 3 c'))
  })

  it('cannot make two of one revision count', async () => {
    expect(await codeOf(1, update({ revision: 1, state: 'frozen' }))).toBe('stored')
    expect(await codeOf(1, update({ revision: 1, state: 'active' }))).toBe('revision_conflict')
  })

  it('that withholds a freeze from some signers keeps those it withholds it from, and no quorum with the others', async () => {
    const freeze = update({ revision: 1, state: 'frozen' })
    const answer = await bring(1, freeze)
    expect(await signing()).toBe('key_frozen')
    // No third receipt, so nobody can be shown a freeze that is not everywhere.
    expect(receiptsOfAll(requestHash(freeze.document), Array(3).fill(answer.receipt), set.roster, set.curves)).toBe(false)
    const [outcome] = await evil.outcomes(evil.setupOf({ signers: [2, 3] }), [evil.itemOf(askFor(set, key, someMessage()))])
    expect(outcome).toBe('signed')
  })

  it('cannot archive and bring back', async () => {
    expect(await codeOf(1, update({ revision: 1, state: 'archived' }))).toBe('stored')
    expect(await codeOf(1, update({ revision: 2, state: 'active' }))).toBe('key_frozen')
    expect(await signing()).toBe('key_frozen')
  })

  it.each<[string, () => SignedRequest, string]>([
    ['T-08 a forged signature', () => forged(update({ revision: 1, state: 'frozen' })), 'authorization_invalid'],
    ['T-21 another tenant’s document', () => update({ revision: 1, state: 'frozen' }, 'cred_bob'), 'key_not_found'],
    ['a document for another set', () => update({ revision: 1, audience: `set_${'00'.repeat(32)}` }), 'authorization_invalid'],
    ['a scheme that is not the key’s', () => update({ revision: 1, scheme: 'schnorr-secp256k1' }), 'payload_invalid'],
    ['a document that has expired', () => update({ revision: 1, issuedAt: 1, expiresAt: 2 }), 'request_expired'],
    ['a request for a signature', () => askFor(set, key, someMessage()), 'malformed_request'],
    ['a key generation', () => set.request('cred_alice', set.keygen(SCHEME)), 'malformed_request'],
    ['no document', () => set.authorized('cred_alice', Uint8Array.of(1)), 'malformed_request'],
  ])('gets nowhere with %s', async (_name, request, code) => {
    const document = request()
    expect(await codeOf(1, document, { requestId: requestIdOf(document) })).toBe(code)
    expect(stateOf(1)).toBe('active 0 null')
  })

  it('gets nowhere with claims beside the document: another key, another id', async () => {
    const other = await makeKey(set, SCHEME)
    const bobs = await makeKey(set, SCHEME, 'cred_bob')
    const freeze = update({ revision: 1, state: 'frozen' })
    expect(await codeOf(1, freeze, { keyId: other.keyId })).toBe('key_not_found')
    expect(await codeOf(1, freeze, { keyId: bobs.keyId })).toBe('key_not_found')
    expect(await codeOf(1, freeze, { keyId: new Uint8Array(32) })).toBe('key_not_found')
    expect(await codeOf(1, freeze, { requestId: 'req_other' })).toBe('malformed_request')
    for (const of of [key, other, bobs]) expect(stateOf(1, of)).toBe('active 0 null')
    expect((await evil.ask(1, 'updateKey', Uint8Array.of(0x93))).code).toBe('MALFORMED')
  })

  it('T-07 cannot use a request id for an update and a signature', async () => {
    const request = askFor(set, key, someMessage(), 'req_once')
    expect(await evil.outcomes(evil.setupOf({}), [evil.itemOf(request)])).toEqual(['signed'])
    const freeze = set.request(
      'cred_alice',
      { type: 'key-update.v1', scheme: SCHEME, keyId: key.keyId, state: 'frozen', label: null, revision: 1 },
      'req_once',
    )
    expect(await codeOf(1, freeze)).toBe('request_replayed')
    const label = update({ revision: 1, requestId: 'req_first' })
    expect(await codeOf(1, label)).toBe('stored')
    expect(await codeOf(2, label)).toBe('stored')
    const later = askFor(set, key, someMessage(), 'req_first')
    expect(await evil.outcomes(evil.setupOf({}), [evil.itemOf(later)])).toEqual(['request_replayed'])
  })
})

describe('a frozen key', () => {
  it('takes part in nothing, item by item, and again when it is unfrozen', async () => {
    const other = await makeKey(set, SCHEME)
    for (const id of [1, 2]) await bring(id, update({ revision: 1, state: 'frozen' }))
    const items = [key, other].map((k) => evil.itemOf(askFor(set, k, someMessage())))
    expect(await evil.outcomes(evil.setupOf({}), items)).toEqual(['key_frozen', 'signed'])
    // Whoever is not its owner is not told.
    const bobs = evil.itemOf(askFor(set, key, someMessage(), undefined, 'cred_bob'))
    expect(await evil.outcomes(evil.setupOf({}), [bobs])).toEqual(['key_not_found'])
    for (const id of [1, 2]) await bring(id, update({ revision: 2, state: 'active' }))
    expect(await signing()).toBe('signed')
    set.restart(1)
    expect(await signing()).toBe('signed')
  })

  it.each([SCHEME, 'ecdsa-secp256k1'] as const)(
    'T-07 %s: a freeze that was acknowledged between the rounds is followed by no share, however often the frame comes',
    async (scheme) => {
      const of = await makeKey(set, scheme)
      const hm = scheme === 'ecdsa-secp256k1' ? await evil.supplies() : undefined
      const setup = evil.setupOf(hm === undefined ? {} : { protocol: 'hm', suite: 'ecdsa-secp256k1', signers: [1, 2, 3] })
      const items = [evil.itemOf(askFor(set, of, someMessage()))]
      const frame = evil.openFrame(setup, items, hm)
      const first = await Promise.all(setup.signers.map((id) => evil.ask(id, 'openSigning', frame)))
      expect(first.map((r) => r.type)).toEqual(setup.signers.map(() => REPLY_TYPES.sent))
      const freeze = update({ revision: 1, state: 'frozen', scheme }, 'cred_alice', of)
      expect(await codeOf(1, freeze, { keyId: of.keyId })).toBe('stored')
      const relayed = evil.roundFrame(
        evil.signingSessionId(setup, items),
        1,
        first.flatMap((r) => r.envelopes),
      )
      const late = await evil.ask(1, 'round', relayed)
      expect([late.type, late.code, late.envelopes]).toEqual([REPLY_TYPES.failed, 'KEY_FROZEN', []])
      const again = await evil.ask(1, 'round', relayed)
      expect([again.type, again.envelopes]).toEqual([REPLY_TYPES.failed, []])
      // Nothing was used up: the request is as good as new when the key is.
      const { requestId } = parseDocument(items[0]?.request.document ?? new Uint8Array(0))
      expect(set.signerOf(1).store.lookup([{ credentialId: 'cred_alice', tenant: 'alice', requestId }])).toEqual([null])
      // Signer 2 never heard of the freeze and answers as before.
      expect((await evil.ask(2, 'round', relayed)).type).toBe(REPLY_TYPES.done)
    },
  )
})

function forged(request: SignedRequest): SignedRequest {
  const [authorization] = request.authorizations
  return { ...request, authorizations: [{ ...authorization, signature: new Uint8Array(64) }] } as SignedRequest
}

function requestIdOf(request: SignedRequest): string {
  try {
    return parseDocument(request.document).requestId
  } catch {
    return 'req_none'
  }
}
