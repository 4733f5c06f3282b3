import { createPrivateKey, type KeyObject, randomBytes, sign } from 'node:crypto'
import { directoryRow } from '../src/host/coordinator/directory.ts'
import { selectCurves } from '../src/host/curve/select-curves.ts'
import { recordSeals } from '../src/host/kms/record-seals.ts'
import type { RestoredKey } from '../src/host/store/coordinator-store.ts'
import type { GatewayKey } from '../src/host/store/gateway-store.ts'
import type { SignerKey } from '../src/host/store/signer-keys.ts'
import type { Roster } from '../src/protocol/channel/roster.ts'
import { toHex, wipe } from '../src/protocol/engine/bytes.ts'
import type { PartyId } from '../src/protocol/engine/party.ts'
import { CERTIFICATE, certificateMessage } from '../src/protocol/keygen/certificate.ts'
import { describeKey, KEY_SECRET, PUBLIC_PACKAGE } from '../src/protocol/keygen/key-record.ts'
import { groupOf } from '../src/protocol/keygen/scheme.ts'
import { ownedRequestHash } from '../src/protocol/request/authorize.ts'
import type { Scheme } from '../src/protocol/request/document.ts'
import { commit } from '../src/protocol/sharing/feldman.ts'
import { abscissa, evaluate, randomPolynomial } from '../src/protocol/sharing/polynomial.ts'

/** What all keys of one dealing have in common. *secret*: every signer's identity and data key, together, as no host ever has them. */
export interface Dealing {
  readonly scheme: Scheme
  readonly threshold: number
  readonly roster: Roster
  /** Whose the keys are. */
  readonly credentialId: string
  readonly tenant: string
  readonly signers: readonly { readonly id: PartyId; readonly signSeed: Uint8Array; readonly dataKey: Uint8Array }[]
}

/** A key as it stands in the stores after a key generation. */
export interface DealtKey {
  /** In the order of the roster. */
  readonly shares: readonly SignerKey[]
  readonly certificate: Uint8Array
  readonly directory: RestoredKey
  readonly gateway: GatewayKey
}

const curves = selectCurves('native')
/** PKCS #8 of RFC 8410 up to the 32 bytes of an Ed25519 seed. */
const ED25519_PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')
const importSeed = (seed: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.concat([ED25519_PKCS8, seed]), format: 'der', type: 'pkcs8' })
const random = (length: number): Uint8Array => Uint8Array.from(randomBytes(length))

/**
 * Deals keys like any others, but that one program knew their secrets: for filling stores faster than signers make keys (bench/README.md).
 * Each has a secret of its own; all coefficients but the constant one are shared by the keys of one dealer, which spares multiplications.
 */
export function dealer({ scheme, threshold, roster, credentialId, tenant, signers }: Dealing): () => DealtKey {
  const group = groupOf(scheme, curves)
  const higher = [new Uint8Array(32), ...randomPolynomial(group, threshold - 1, random)]
  const higherCommitments = commit(group, higher.slice(1))
  const offsets = signers.map(({ id }) => evaluate(group, higher, abscissa(group, id)))
  // Imported once: curves.ed25519Sign would derive the key from its seed for each signature.
  const sealers = signers.map(({ id, signSeed, dataKey }) => ({ signKey: importSeed(signSeed), ...recordSeals(dataKey, id) }))
  return () => {
    const constant = group.randomScalar(random)
    const chain = random(32)
    const secrets = offsets.map((offset) => group.addAssign(Uint8Array.from(constant), offset))
    try {
      return dealt(group.baseMul(constant), secrets, chain)
    } finally {
      wipe(constant, chain, ...secrets)
    }
  }

  function dealt(publicKey: Uint8Array, secrets: readonly Uint8Array[], chain: Uint8Array): DealtKey {
    const requestHash = random(32)
    const key = describeKey({
      sessionId: random(32),
      transcript: random(32),
      scheme,
      threshold,
      parties: signers.map(({ id }) => id),
      rosterHash: roster.hash,
      requestHash: ownedRequestHash(requestHash, credentialId),
      commitments: [publicKey, ...higherCommitments],
      verificationShares: secrets.map((share) => group.baseMul(share)),
      chain,
    })
    const message = certificateMessage(key)
    const signatures = sealers.map(({ signKey }) => Uint8Array.from(sign(null, message, signKey)))
    const certificate = CERTIFICATE.encode({ key, signatures })
    const publicPackage = PUBLIC_PACKAGE.encode(key)
    const { keyId, epoch } = key
    // As long as a gateway makes them.
    const asked = { requestId: `req_${toHex(random(32))}`, label: null, createdAt: Date.now() }
    const common = { ...asked, keyId, credentialId, tenant, requestHash }
    return {
      shares: sealers.map(({ seal }, i) => {
        const plain = KEY_SECRET.encode({ share: secrets[i] as Uint8Array, chain })
        const sealedShare = seal(plain, keyId, epoch)
        wipe(plain)
        return { ...common, publicPackage, sealedShare, ownSignature: signatures[i] as Uint8Array }
      }),
      certificate,
      directory: directoryRow({ key, signatures }, certificate, { ...asked, owner: credentialId }),
      // As src/host/gateway/principal.ts names the tenant of the set's one user.
      gateway: {
        keyId,
        owner: JSON.stringify(['tenant', tenant]),
        scheme,
        label: null,
        record: certificate,
        createdAt: asked.createdAt,
      },
    }
  }
}
