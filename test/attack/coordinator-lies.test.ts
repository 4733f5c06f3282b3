import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SignedRequest } from '../../src/host/api/coordinator-service.ts'
import type { SetupFields } from '../../src/protocol/frames/setup-frame.ts'
import { REPLY_TYPES } from '../../src/protocol/frames/signer-frames.ts'
import type { Document, Payload, Scheme } from '../../src/protocol/request/document.ts'
import { parseKeyId } from '../../src/protocol/request/ids.ts'
import { UnreadableMessage } from '../../src/transport/inbound.ts'
import { inProcessSet, type TestSet } from '../host/set/in-process-set.ts'
import { fresh, type Item, maliciousCoordinator } from './malicious-coordinator.ts'

const SCHEMES = ['ecdsa-secp256k1', 'ecdsa-p256', 'schnorr-secp256k1', 'eddsa-ed25519'] as const
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

// The coordinator holds no authority: whatever it says, signers sign what the owner of a key asked for, by the key's own scheme.
describe('a coordinator that lies', () => {
  let set: TestSet
  let c: ReturnType<typeof maliciousCoordinator>
  const keys = {} as Record<Scheme | 'bob', Uint8Array>
  const payloadOf = (scheme: Scheme): Payload =>
    scheme === 'eddsa-ed25519' ? { kind: 'message', message: fresh(20) } : { kind: 'message', message: fresh(20), hash: 'sha256' }
  const requestFor = (scheme: Scheme, changes: Partial<Document> = {}): SignedRequest =>
    set.request('cred_alice', { ...set.sign(scheme, keys[scheme], payloadOf(scheme)), ...changes } as Document)

  beforeAll(async () => {
    set = await inProcessSet()
    c = maliciousCoordinator(set)
    for (const scheme of SCHEMES) {
      const key = await set.service.createKey(set.request('cred_alice', set.keygen(scheme)), set.client)
      keys[scheme] = parseKeyId(key.id) as Uint8Array
    }
    const bobs = await set.service.createKey(set.request('cred_bob', set.keygen('eddsa-ed25519')), set.client)
    keys.bob = parseKeyId(bobs.id) as Uint8Array
  })
  afterAll(() => set.close())

  describe('T-16 about engine, scheme or threshold', () => {
    const frost = (changes: Partial<SetupFields>) => ({ protocol: 'frost' as const, ...changes })

    it('gets signatures when it does not lie', async () => {
      expect(await c.outcomes(c.setupOf(frost({ suite: 'eddsa-ed25519' })), [c.itemOf(requestFor('eddsa-ed25519'))])).toEqual([
        'signed',
      ])
      expect(
        await c.outcomes(c.setupOf(frost({ suite: 'schnorr-secp256k1' })), [c.itemOf(requestFor('schnorr-secp256k1'))]),
      ).toEqual(['signed'])
      const hm = await c.supplies()
      const setup = c.setupOf({ protocol: 'hm', suite: 'ecdsa-secp256k1', signers: [1, 2, 3] })
      expect(await c.outcomes(setup, [c.itemOf(requestFor('ecdsa-secp256k1'))], { hm })).toEqual(['signed'])
    })

    // One curve, two schemes: two signers would have made a BIP-340 signature of an ECDSA request, past the three that ECDSA needs.
    it.each([
      ['an ECDSA key in FROST', 'ecdsa-secp256k1', frost({ suite: 'ecdsa-secp256k1' }), 'SETUP_REFUSED'],
      ['an ECDSA key in FROST for BIP-340', 'ecdsa-secp256k1', frost({ suite: 'schnorr-secp256k1' }), 'instance_mismatch'],
      ['an ECDSA key in FROST for Ed25519', 'ecdsa-secp256k1', frost({ suite: 'eddsa-ed25519' }), 'instance_mismatch'],
      ['a BIP-340 key in FROST for Ed25519', 'schnorr-secp256k1', frost({ suite: 'eddsa-ed25519' }), 'instance_mismatch'],
      ['an Ed25519 key in FROST for BIP-340', 'eddsa-ed25519', frost({ suite: 'schnorr-secp256k1' }), 'instance_mismatch'],
      ['an Ed25519 key in FROST for P-256', 'eddsa-ed25519', frost({ suite: 'ecdsa-p256' }), 'SETUP_REFUSED'],
      ['a P-256 key in FROST for BIP-340', 'ecdsa-p256', frost({ suite: 'schnorr-secp256k1' }), 'instance_mismatch'],
      ['no scheme', 'eddsa-ed25519', frost({ suite: 'none' }), 'SETUP_REFUSED'],
      ['key generation as an engine', 'eddsa-ed25519', { protocol: 'dkg' as const }, 'SETUP_REFUSED'],
      ['PRSS as an engine', 'eddsa-ed25519', { protocol: 'prss' as const }, 'SETUP_REFUSED'],
      ['three signers where two sign', 'eddsa-ed25519', { signers: [1, 2, 3] }, 'SETUP_REFUSED'],
      ['one signer', 'eddsa-ed25519', { signers: [1] }, 'SETUP_REFUSED'],
      ['a signer of no roster', 'eddsa-ed25519', { signers: [1, 4] }, 'SETUP_REFUSED'],
      ['a higher threshold than the key’s', 'eddsa-ed25519', { threshold: 3, signers: [1, 2, 3] }, 'instance_mismatch'],
      ['threshold 1', 'eddsa-ed25519', { threshold: 1, signers: [1] }, 'SETUP_REFUSED'],
      ['another roster', 'eddsa-ed25519', { rosterHash: new Uint8Array(32) }, 'SETUP_REFUSED'],
      ['a key in the set-up', 'eddsa-ed25519', { keyId: fresh(32) }, 'SETUP_REFUSED'],
      ['an epoch in the set-up', 'eddsa-ed25519', { epoch: 1 }, 'SETUP_REFUSED'],
      ['a deadline that passed', 'eddsa-ed25519', { deadline: Date.now() - 60_000 }, 'SETUP_REFUSED'],
      ['a deadline in ten minutes', 'eddsa-ed25519', { deadline: Date.now() + 600_000 }, 'SETUP_REFUSED'],
      ['a deadline at the end of time', 'eddsa-ed25519', { deadline: Number.MAX_SAFE_INTEGER }, 'SETUP_REFUSED'],
    ] as const satisfies readonly (readonly [string, Scheme, Partial<SetupFields>, string])[])(
      '%s',
      async (_, scheme, changes, expected) => {
        const setup = c.setupOf({ suite: scheme, ...changes })
        expect(await c.outcomes(setup, [c.itemOf(requestFor(scheme))])).toEqual([expected])
      },
    )

    it('hm with the keys of BIP-340 or of the other curve, with two signers, without a ticket, with a used one, with another generation', async () => {
      const setup = (changes: Partial<SetupFields>) =>
        c.setupOf({ protocol: 'hm', suite: 'ecdsa-secp256k1', signers: [1, 2, 3], ...changes })
      const ecdsa = () => [c.itemOf(requestFor('ecdsa-secp256k1'))]
      const schnorr = [c.itemOf(requestFor('schnorr-secp256k1'))]
      const code = async (s: SetupFields, items: readonly Item[], hm: Awaited<ReturnType<typeof c.supplies>>) =>
        (await c.ask(1, 'openSigning', c.openFrame(s, items, hm))).code
      expect(await code(setup({ suite: 'schnorr-secp256k1' }), schnorr, await c.supplies())).toBe('HM_PARAM')
      expect(await c.outcomes(setup({}), schnorr, { hm: await c.supplies() })).toEqual(['instance_mismatch'])
      // A share of one curve in the arithmetic of the other would be sent out under masks of the wrong modulus.
      const p256 = () => [c.itemOf(requestFor('ecdsa-p256'))]
      expect(await c.outcomes(setup({}), p256(), { hm: await c.supplies() })).toEqual(['instance_mismatch'])
      expect(await c.outcomes(setup({ suite: 'ecdsa-p256' }), ecdsa(), { hm: await c.supplies() })).toEqual(['instance_mismatch'])
      expect(await c.outcomes(setup({ suite: 'ecdsa-p256' }), p256(), { hm: await c.supplies() })).toEqual(['signed'])
      expect(await code(setup({ signers: [1, 2] }), ecdsa(), await c.supplies())).toBe('HM_PARAM')
      const used = await c.supplies()
      expect(await c.outcomes(setup({}), ecdsa(), { hm: used })).toEqual(['signed'])
      expect(await code(setup({}), ecdsa(), used)).toBe('HM_TICKET')
      expect(await code(setup({}), ecdsa(), { ...(await c.supplies()), tickets: [fresh(16), fresh(16), fresh(16)] })).toBe(
        'HM_TICKET',
      )
      expect(await code(setup({}), ecdsa(), { ...(await c.supplies()), digest: fresh(32) })).toBe('HM_KID')
    })
  })

  describe('about a request', () => {
    const setup = () => c.setupOf({ suite: 'eddsa-ed25519' })
    const flip = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((b, i) => (i === at ? b ^ 1 : b))
    const message = { kind: 'message' as const, message: fresh(8) }
    const signed = (who: string, text: string) => set.authorized(who, utf8(text))
    const textOf = (request: SignedRequest) => new TextDecoder().decode(request.document)
    const alicesKey = (changes: Partial<Document> = {}) => requestFor('eddsa-ed25519', changes)
    const withRequest = (item: Item, changes: Partial<Item['request']>): Item => ({
      ...item,
      request: { ...item.request, ...changes },
    })
    /** An item as it would be framed for `meant`, with other bytes as its request. */
    const dressed = (meant: Item, request: SignedRequest, requestId = meant.requestId): Item => ({
      ...meant,
      requestId,
      request: c.framed(request),
    })

    const lies: readonly (readonly [string, string, (good: Item) => Item])[] = [
      ['one bit of the key in the instance', 'instance_mismatch', (i) => ({ ...i, instance: flip(i.instance, 40) })],
      [
        'one bit of the digest in the instance',
        'instance_mismatch',
        (i) => ({ ...i, instance: flip(i.instance, i.instance.length - 40) }),
      ],
      [
        'one bit of the request hash in the instance',
        'instance_mismatch',
        (i) => ({ ...i, instance: flip(i.instance, i.instance.length - 1) }),
      ],
      ['an instance cut short', 'instance_mismatch', (i) => ({ ...i, instance: i.instance.slice(0, -1) })],
      ['another request id', 'malformed_request', (i) => ({ ...i, requestId: 'req_other' })],
      ['somebody else’s credential', 'authorization_invalid', (i) => withRequest(i, { credentialId: 'cred_bob' })],
      ['a credential that does not exist', 'authorization_invalid', (i) => withRequest(i, { credentialId: 'cred_nobody' })],
      ['a credential called __proto__', 'authorization_invalid', (i) => withRequest(i, { credentialId: '__proto__' })],
      ['the other algorithm', 'authorization_invalid', (i) => withRequest(i, { alg: 'p256' })],
      ['no algorithm', 'authorization_invalid', (i) => withRequest(i, { alg: '' })],
      ['no signature', 'authorization_invalid', (i) => withRequest(i, { signature: new Uint8Array(0) })],
      ['a signature of 63 bytes', 'authorization_invalid', (i) => withRequest(i, { signature: i.request.signature.slice(1) })],
      ['a signature of 96 bytes', 'authorization_invalid', (i) => withRequest(i, { signature: new Uint8Array(96) })],
      ['a signature of zeros', 'authorization_invalid', (i) => withRequest(i, { signature: new Uint8Array(64) })],
      [
        'the signature of another document',
        'authorization_invalid',
        (i) => withRequest(i, { signature: c.itemOf(alicesKey()).request.signature }),
      ],
      [
        'one bit of the document',
        'authorization_invalid',
        (i) => withRequest(i, { document: utf8(new TextDecoder().decode(i.request.document).replace('0x', '0x00')) }),
      ],
      [
        'a blank added to the document',
        'authorization_invalid',
        (i) => withRequest(i, { document: Uint8Array.of(...i.request.document, 0x20) }),
      ],
      ['no document', 'malformed_request', (i) => withRequest(i, { document: new Uint8Array(0) })],
      ['bytes that are no document', 'malformed_request', (i) => withRequest(i, { document: fresh(300) })],
      [
        'a document signed without its prefix',
        'authorization_invalid',
        (i) => withRequest(i, { signature: set.signature('cred_alice', i.request.document) }),
      ],
    ]
    it.each(lies)('%s', async (_, refusal, lie) => {
      const [good, meant] = [c.itemOf(alicesKey()), c.itemOf(alicesKey())]
      // The other item of the batch is signed all the same (decisions.md 13).
      expect(await c.outcomes(setup(), [good, lie(meant)], { meant: [good, meant] })).toEqual(['signed', refusal])
    })

    const documents: readonly (readonly [string, string, () => SignedRequest])[] = [
      ['for another set', 'authorization_invalid', () => alicesKey({ audience: `set_${'0'.repeat(64)}` })],
      ['that expired', 'request_expired', () => alicesKey({ issuedAt: Date.now() - 120_000, expiresAt: Date.now() - 60_000 })],
      ['of the future', 'request_expired', () => alicesKey({ issuedAt: Date.now() + 60_000, expiresAt: Date.now() + 120_000 })],
      ['that makes a key', 'malformed_request', () => set.request('cred_alice', set.keygen('eddsa-ed25519'))],
      ['for somebody else’s key', 'key_not_found', () => set.request('cred_alice', set.sign('eddsa-ed25519', keys.bob, message))],
      [
        'by somebody else for this key',
        'key_not_found',
        () => set.request('cred_bob', set.sign('eddsa-ed25519', keys['eddsa-ed25519'], message)),
      ],
      [
        'for a key that nobody has',
        'key_not_found',
        () => set.request('cred_alice', set.sign('eddsa-ed25519', fresh(32), message)),
      ],
      // The frame names another key, whose row is all that the signer looks up; with the right one it is payload_invalid (signing-intake).
      [
        'that calls the scheme of its key another',
        'key_not_found',
        () => set.request('cred_alice', set.sign('eddsa-ed25519', keys['schnorr-secp256k1'], message)),
      ],
      [
        'with a member twice',
        'malformed_request',
        () => signed('cred_alice', textOf(alicesKey()).replace('{', '{"type":"sign.v1",')),
      ],
      [
        'with an unknown member',
        'malformed_request',
        () => signed('cred_alice', textOf(alicesKey()).replace('{', '{"policy":"any",')),
      ],
      [
        'with a member called __proto__',
        'malformed_request',
        () => signed('cred_alice', textOf(alicesKey()).replace('{', '{"__proto__":{},')),
      ],
      ['with a byte order mark', 'malformed_request', () => signed('cred_alice', `\ufeff${textOf(alicesKey())}`)],
      ['with something behind it', 'malformed_request', () => signed('cred_alice', `${textOf(alicesKey())}{}`)],
    ]
    it.each(documents)('a document %s', async (_, refusal, make) => {
      const [good, meant] = [c.itemOf(alicesKey()), c.itemOf(alicesKey())]
      const request = make()
      const named = /"request_id":"(req_[^"]*)"/.exec(new TextDecoder().decode(request.document))?.[1] ?? meant.requestId
      expect(await c.outcomes(setup(), [good, dressed(meant, request, named)], { meant: [good, meant] })).toEqual([
        'signed',
        refusal,
      ])
    })

    it('a bare digest for a credential without that privilege', async () => {
      const made = await set.service.createKey(set.request('cred_bob', set.keygen('schnorr-secp256k1')), set.client)
      const keyId = parseKeyId(made.id) as Uint8Array
      const request = set.request('cred_bob', set.sign('schnorr-secp256k1', keyId, { kind: 'digest', digest: fresh(32) }))
      expect(await c.outcomes(c.setupOf({ suite: 'schnorr-secp256k1' }), [c.itemOf(request)])).toEqual(['raw_digest_forbidden'])
    })

    it('one document twice in a session, none, or more than a batch holds', async () => {
      const item = c.itemOf(alicesKey())
      const frame = c.openFrame(setup(), [item, item])
      expect((await c.ask(1, 'openSigning', frame)).code).toBe('SETUP_REFUSED')
      expect((await c.ask(1, 'openSigning', c.openFrame(setup(), []))).code).toBe('SETUP_REFUSED')
      expect(() =>
        c.openFrame(
          setup(),
          Array.from({ length: 257 }, () => item),
        ),
      ).toThrow('list too long')
    })

    it('nothing that was refused used up a request id', async () => {
      const request = alicesKey()
      const good = c.itemOf(request)
      const spoilt = withRequest(good, { signature: new Uint8Array(64) })
      expect(await c.outcomes(setup(), [spoilt], { meant: [good] })).toEqual(['authorization_invalid'])
      expect(await c.outcomes(setup(), [good])).toEqual(['signed'])
    })
  })

  it('T-21 learns nothing about keys and requests of credentials from refusals that it could not list', async () => {
    const ask = async (keyId: Uint8Array) => {
      const [good, meant] = [c.itemOf(requestFor('eddsa-ed25519')), c.itemOf(requestFor('eddsa-ed25519'))]
      const request = set.request('cred_bob', set.sign('eddsa-ed25519', keyId, { kind: 'message', message: fresh(4) }))
      const requestId = JSON.parse(new TextDecoder().decode(request.document)).request_id
      return await c.outcomes(c.setupOf({}), [good, { ...meant, requestId, request: c.framed(request) }], {
        meant: [good, meant],
      })
    }
    expect(await ask(keys['eddsa-ed25519'])).toEqual(await ask(fresh(32)))
  })

  it('frames that are cut, padded or random are refused as such on every route, and nothing is left behind', async () => {
    const setup = c.setupOf({})
    const items = [c.itemOf(requestFor('eddsa-ed25519'))]
    const good = c.openFrame(setup, items)
    const before = set.signerOf(1).actor.load
    for (const route of ['openSigning', 'openKeygen', 'openPrss', 'round', 'abort'] as const) {
      for (const bad of [
        new Uint8Array(0),
        good.slice(0, 100),
        Uint8Array.of(...good, 0),
        fresh(200),
        Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff),
      ]) {
        expect((await c.ask(1, route, bad)).type).toBe(REPLY_TYPES.refused)
      }
    }
    for (const route of ['status', 'certificate', 'keys'] as const)
      await expect(c.send(1, route, fresh(40))).rejects.toThrow(UnreadableMessage)
    expect(set.signerOf(1).actor.load).toEqual(before)
    expect(await c.outcomes(setup, items)).toEqual(['signed'])
  })
})
