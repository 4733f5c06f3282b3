import { existsSync, readFileSync } from 'node:fs'
import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { describe, expect, it } from 'vitest'
import type { z } from 'zod'
import type { Key, Signature } from '../../../src/host/api/schemas.ts'
import { fromHex, toHex } from '../../../src/protocol/engine/bytes.ts'
import { coordinator, problemOf, wallet } from './coordinator.ts'
import { post, signing } from './requests.ts'

const c = coordinator()
const verdict = async (body: object): Promise<unknown> => {
  const answer = await c.app.request('/api/v1/verify', post(body))
  expect(answer.status).toBe(200)
  return await answer.json()
}
const VALID = { valid: true }
const not = (reason: string) => ({ valid: false, reason })
const hex = (bytes: Uint8Array): string => `0x${toHex(bytes)}`
const MESSAGE = { kind: 'message', bytes: '0x68656c6c6f' } as const

const PAYLOADS = {
  'ecdsa-secp256k1': { ...MESSAGE, hash: 'keccak256' },
  'ecdsa-p256': { ...MESSAGE, hash: 'sha256' },
  'schnorr-secp256k1': { ...MESSAGE, hash: 'sha256' },
  'eddsa-ed25519': MESSAGE,
} as const
type Scheme = keyof typeof PAYLOADS
const SCHEMES = Object.keys(PAYLOADS) as Scheme[]

/** A key and its signature of "hello", as the API gives them. */
async function signed(scheme: Scheme): Promise<{ key: z.infer<typeof Key>; signature: Record<string, string> }> {
  const key = await c.newKey({ scheme })
  const message = fromHex('68656c6c6f')
  const payload =
    scheme === 'eddsa-ed25519' ? { kind: 'message', message } : { kind: 'message', message, hash: PAYLOADS[scheme].hash }
  const answer = await c.app.request(
    '/api/v1/sign',
    post(wallet.signed(signing(c.set.audience, key, { scheme, payload } as never))),
  )
  expect(answer.status).toBe(200)
  const view = (await answer.json()) as z.infer<typeof Signature>
  return { key, signature: view.signature as unknown as Record<string, string> }
}

describe.each(SCHEMES)('POST /api/v1/verify, %s', (scheme) => {
  it('says yes to every form that sign gave, by key and by public key', async () => {
    const { key, signature } = await signed(scheme)
    const forms = [signature['serialized'], signature['der'], signature['serialized']?.slice(0, 130)].filter(
      (f) => f !== undefined,
    )
    for (const form of forms) {
      expect(await verdict({ key_id: key.id, payload: PAYLOADS[scheme], signature: form })).toEqual(VALID)
      const public_key = key.public_key
      expect(await verdict({ scheme, public_key, payload: PAYLOADS[scheme], signature: form })).toEqual(VALID)
    }
  })

  it('says no, and why, to anything else', async () => {
    const { key, signature } = await signed(scheme)
    const compact = fromHex(signature['serialized']?.slice(2, 130) ?? '')
    const ask = (form: string, payload: object = PAYLOADS[scheme]) => verdict({ key_id: key.id, payload, signature: form })
    for (const bytes of [
      '0x',
      '0x00',
      hex(compact.subarray(1)),
      `${hex(compact)}00`,
      `${hex(compact)}1d`,
      `0x30${'00'.repeat(69)}`,
    ]) {
      expect(await ask(bytes), bytes).toEqual(not('signature_form'))
    }
    expect(await ask(hex(compact), { ...PAYLOADS[scheme], bytes: '0x68656c6c70' })).toEqual(not('mismatch'))
    for (const at of [0, 31]) expect(await ask(hex(compact.map((b, i) => (i === at ? b ^ 1 : b))))).toEqual(not('mismatch'))
    expect(await ask(hex(new Uint8Array(64)))).toEqual(not('mismatch'))
    // A key that is no point is no key: nothing verifies under it, and nothing breaks.
    for (const public_key of [
      '0x',
      `0x${'00'.repeat(32)}`,
      `0x${'ff'.repeat(33)}`,
      `0x02${'ff'.repeat(32)}`,
      `0x${'ff'.repeat(32)}`,
    ]) {
      expect(await verdict({ scheme, public_key, payload: PAYLOADS[scheme], signature: hex(compact) })).toEqual(not('mismatch'))
    }
  })
})

describe.each([
  ['ecdsa-secp256k1', secp256k1],
  ['ecdsa-p256', p256],
] as const)('%s is strict', (scheme, curve) => {
  it('S-11, high s and the other recovery value are not valid', async () => {
    const { key, signature } = await signed(scheme)
    const { r, s } = curve.Signature.fromBytes(fromHex(signature['serialized']?.slice(2, 130) ?? ''), 'compact')
    const high = new curve.Signature(r, curve.Point.Fn.ORDER - s)
    const ask = (form: string) => verdict({ key_id: key.id, payload: PAYLOADS[scheme], signature: form })
    expect(await ask(hex(high.toBytes('compact')))).toEqual(not('high_s'))
    expect(await ask(hex(high.toBytes('der')))).toEqual(not('high_s'))
    const v = signature['serialized']?.slice(130)
    expect(await ask(`${signature['serialized']?.slice(0, 130)}${v === '1b' ? '1c' : '1b'}`)).toEqual(not('recovery_id'))
  })
})

describe('a request that says no key or two, or what cannot be signed', () => {
  it('is refused and never a verdict', async () => {
    const { key, signature } = await signed('eddsa-ed25519')
    const rest = { payload: MESSAGE, signature: signature['serialized'] }
    for (const named of [
      {},
      { scheme: key.scheme },
      { public_key: key.public_key },
      { key_id: key.id, scheme: key.scheme, public_key: key.public_key },
    ]) {
      expect(await problemOf(await c.app.request('/api/v1/verify', post({ ...named, ...rest })))).toMatchObject({
        code: 'malformed_request',
      })
    }
    const digest = { kind: 'digest', digest: `0x${'11'.repeat(32)}` }
    const bad = await c.app.request('/api/v1/verify', post({ key_id: key.id, ...rest, payload: digest }))
    expect(await problemOf(bad)).toMatchObject({ code: 'payload_invalid' })
  })

  it('T-21 keys of others are not found', async () => {
    const { key, signature } = await signed('eddsa-ed25519')
    c.client = { name: 'other', credentials: ['cred_stranger'] }
    const body = { key_id: key.id, payload: MESSAGE, signature: signature['serialized'] }
    expect(await problemOf(await c.app.request('/api/v1/verify', post(body)))).toMatchObject({
      status: 404,
      code: 'key_not_found',
    })
  })
})

const vectors = new URL('../../../../shared/vectors/', import.meta.url)
const file = (name: string): string => readFileSync(new URL(name, vectors), 'utf8')
const there = existsSync(vectors)
if (!there) console.warn('shared/vectors is absent: its vectors are not run')

describe.runIf(there)('agrees with published vectors', () => {
  it('BIP-340 (messages of 32 bytes)', async () => {
    const rows = file('bip340.csv')
      .trim()
      .split(/\r?\n/)
      .slice(1)
      .map((line) => line.split(','))
    const usable = rows.filter((row) => row[4]?.length === 64)
    expect(usable.length).toBeGreaterThan(10)
    for (const [index, , key, , message, signature, result] of usable) {
      const body = {
        scheme: 'schnorr-secp256k1',
        public_key: `0x${key}`,
        payload: { kind: 'digest', digest: `0x${message}` },
        signature: `0x${signature}`,
      }
      expect(await verdict(body), `row ${index}`).toMatchObject({ valid: result === 'TRUE' })
    }
  })

  it('Wycheproof ECDSA secp256k1 (low s), DER', async () => {
    const { testGroups } = JSON.parse(file('wycheproof-ecdsa_secp256k1_sha256_bitcoin_test.json'))
    let seen = 0
    for (const group of testGroups) {
      const point = secp256k1.Point.fromHex(group.publicKey.uncompressed)
      for (const { tcId, msg, sig, result } of group.tests) {
        seen += 1
        const body = {
          scheme: 'ecdsa-secp256k1',
          public_key: hex(point.toBytes(true)),
          payload: { kind: 'message', bytes: `0x${msg}`, hash: 'sha256' },
          signature: `0x${sig}`,
        }
        expect(await verdict(body), `case ${tcId}`).toMatchObject({ valid: result === 'valid' })
      }
    }
    expect(seen).toBeGreaterThan(400)
  })
})
