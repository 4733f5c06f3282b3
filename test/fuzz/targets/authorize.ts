import { createPublicKey, verify } from 'node:crypto'
import { p256 } from '@noble/curves/nist.js'
import { authorizationMessage, authorize, type Credential } from '../../../src/protocol/request/authorize.ts'
import { encodeDocument, parseDocument } from '../../../src/protocol/request/document.ts'
import { RequestError } from '../../../src/protocol/request/request-error.ts'
import { seededRng } from '../../simulator/seeded-rng.ts'
import { bit, type Container, pack, partOf, unpack } from '../container.ts'
import { AUDIENCE, CREDENTIAL, keygenDocument, NOW, requested, signDocument, TRIO, updateDocument } from '../signer-trio.ts'
import { type FuzzTarget, outcomeOf, promise } from '../target.ts'

const P256_SECRET = seededRng('authorize/p256')(32)
/** May not have bare digests signed. */
const HARDWARE: Credential = {
  id: 'cred_hardware',
  tenant: 'acme',
  alg: 'p256',
  publicKey: p256.getPublicKey(P256_SECRET, true),
  digest: false,
}
const CREDENTIALS = new Map([CREDENTIAL, HARDWARE].map((c) => [c.id, c]))
const OTHER_SET = `set_${'0'.repeat(64)}`
const HOUR = 3_600_000

const spki = (prefix: string, key: Uint8Array) =>
  createPublicKey({ key: Buffer.concat([Buffer.from(prefix, 'hex'), key]), format: 'der', type: 'spki' })
const ALICE_KEY = spki('302a300506032b6570032100', CREDENTIAL.publicKey)
const HARDWARE_KEY = spki('3039301306072a8648ce3d020106082a8648ce3d030107032200', HARDWARE.publicKey)

/** OpenSSL's opinion on the signature that was accepted. */
function stands(credential: Credential, document: Uint8Array, signature: Uint8Array): boolean {
  const message = Buffer.concat([Buffer.from('quorate/request/v1\n'), document])
  return credential.alg === 'ed25519'
    ? verify(null, message, ALICE_KEY, signature)
    : verify('sha256', message, { key: HARDWARE_KEY, dsaEncoding: 'ieee-p1363' }, signature)
}

/** Bits 0 and 1: signed by a credential after all. Bit 2: twice. Bits 3 and 4: on a clock that is ahead or behind. */
function authorizationOf(c: Container) {
  const text = (index: number): string => Buffer.from(partOf(c, index)).toString()
  if (bit(c, 0)) return requested(partOf(c, 0))
  if (bit(c, 1)) {
    const signature = p256.sign(authorizationMessage(partOf(c, 0)), P256_SECRET, { prehash: true, format: 'compact' })
    return { credentialId: HARDWARE.id, alg: 'p256', signature }
  }
  return { credentialId: text(1), alg: text(2), signature: partOf(c, 3) }
}

/** Who asked, when and for whom: what stands between a stranger and a signature. */
export function open(): FuzzTarget {
  return {
    maxLength: 4096,
    dictionary: [AUDIENCE, OTHER_SET, CREDENTIAL.id, HARDWARE.id, 'ed25519', 'p256'],
    seeds: () => {
      const sign = encodeDocument(signDocument('ecdsa-secp256k1', new Uint8Array(32)))
      const digest = encodeDocument(signDocument('schnorr-secp256k1', new Uint8Array(32)))
      const keygen = encodeDocument(keygenDocument('eddsa-ed25519'))
      const { signature } = requested(sign)
      const [id, alg] = [Buffer.from(CREDENTIAL.id), Buffer.from('ed25519')]
      return new Map([
        ['as-sent', pack(0, sign, id, alg, signature)],
        ['ed25519', pack(1, sign)],
        ['p256', pack(2, keygen)],
        ['update', pack(2, encodeDocument(updateDocument('eddsa-ed25519', new Uint8Array(32))))],
        ['raw-digest', pack(2, digest)],
        ['twice', pack(5, sign)],
        ['early', pack(1 + 8, sign)],
        ['late', pack(1 + 16, keygen)],
        ['other-set', pack(1, encodeDocument(keygenDocument('eddsa-ed25519', { audience: OTHER_SET })))],
        ['stranger', pack(0, sign, Buffer.from('cred_mallory'), alg, signature)],
      ])
    },
    reaches: [
      'cred_alice',
      'cred_hardware',
      'authorization_invalid',
      'request_expired',
      'raw_digest_forbidden',
      'malformed_request',
    ],
    run: (input) => {
      const container = unpack(input)
      const bytes = partOf(container, 0)
      const refusal = (error: unknown): string | undefined => (error instanceof RequestError ? error.code : undefined)
      return outcomeOf(() => {
        const document = parseDocument(bytes)
        const one = authorizationOf(container)
        const now = NOW + (bit(container, 3) ? -HOUR : 0) + (bit(container, 4) ? HOUR : 0)
        const found = authorize({
          bytes,
          document,
          authorizations: bit(container, 2) ? [one, one] : [one],
          credentials: CREDENTIALS,
          audience: AUDIENCE,
          now,
          curves: TRIO.curves,
        })
        promise(!bit(container, 2), 'two authorizations were taken for one')
        promise(stands(found, bytes, one.signature), 'OpenSSL does not find this signature valid')
        promise(document.audience === AUDIENCE, 'a document for another set')
        promise(document.issuedAt <= now + 30_000 && document.expiresAt > now - 30_000, 'a document of another time')
        const raw = document.type === 'sign.v1' && document.payload.kind === 'digest'
        promise(!raw || found.digest, 'a bare digest for a credential that may not')
        return found.id
      }, refusal)
    },
  }
}
