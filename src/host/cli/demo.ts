import { z } from 'zod'
import { SCHEMES, type Scheme } from '../../protocol/request/document.ts'
import type { ApiAnswer, ApiClient } from './api-client.ts'
import { verifyPlainly } from './demo-verify.ts'

const LABEL = 'quorate-demo'

/** How a message of each scheme is hashed before it is signed; see demo-verify.ts for the other side. */
const HASH: Readonly<Record<Scheme, { readonly hash?: 'keccak256' | 'sha256' }>> = {
  'ecdsa-secp256k1': { hash: 'keccak256' },
  'ecdsa-p256': { hash: 'sha256' },
  'schnorr-secp256k1': { hash: 'sha256' },
  'eddsa-ed25519': {},
}

const HEX = z.string().regex(/^0x([0-9a-f]{2})+$/)
const KEY = z.object({ id: z.string(), public_key: HEX })
const KEYS = z.object({ keys: z.array(KEY) })
const SIGNATURE = z.object({
  state: z.literal('signed'),
  engine: z.string(),
  signers: z.array(z.int()),
  signature: z.object({ serialized: HEX }),
  timing_ms: z.object({ total: z.number() }),
})

export interface Demonstrated {
  readonly scheme: Scheme
  readonly keyId: string
  readonly publicKey: string
  readonly signature: string
  readonly engine: string
  readonly signers: readonly number[]
  readonly milliseconds: number
  readonly isNewKey: boolean
}

/** Signs a message with a key of each scheme through the gateway and verifies the result. @throws Error at the first failure. */
export async function* demonstrate(api: ApiClient, threshold: number): AsyncGenerator<Demonstrated> {
  for (const scheme of SCHEMES) {
    const found = answered(200, KEYS, await api.get(`/api/v1/keys?scheme=${scheme}&label=${LABEL}`)).keys[0]
    const key = found ?? answered(201, KEY, await api.post('/api/v1/keys', { scheme, label: LABEL, threshold }))
    const message = Buffer.from(`Quorate signed this on ${new Date().toISOString()}`)
    const body = { key_id: key.id, payload: { kind: 'message', bytes: toHex(message), ...HASH[scheme] }, wait_ms: 30_000 }
    const signed = answered(200, SIGNATURE, await api.post('/api/v1/sign', body))
    const { serialized } = signed.signature
    if (!verifyPlainly(scheme, message, fromHex(key.public_key), fromHex(serialized))) {
      throw new Error(`the ${scheme} signature ${serialized} does not verify under ${key.public_key}`)
    }
    yield {
      scheme,
      keyId: key.id,
      publicKey: key.public_key,
      signature: serialized,
      engine: signed.engine,
      signers: signed.signers,
      milliseconds: signed.timing_ms.total,
      isNewKey: found === undefined,
    }
  }
}

const toHex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString('hex')}`
const fromHex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.slice(2), 'hex'))

function answered<T>(status: number, schema: z.ZodType<T>, answer: ApiAnswer): T {
  if (answer.status !== status) throw new Error(`the gateway answered ${answer.status}: ${JSON.stringify(answer.body)}`)
  return schema.parse(answer.body)
}
