import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { nobleCurves } from '../../../src/protocol/curve/noble-curves.ts'
import { fromHex, toHex } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import {
  type Commitment,
  commitmentOf,
  context,
  encodeSignature,
  type Nonces,
  nonce,
  signShare,
  verifyShare,
} from '../../../src/protocol/frost/signature-share.ts'
import { FROST_BIP340, FROST_ED25519, type FrostSuite } from '../../../src/protocol/frost/suite.ts'
import { nativeCurves } from '../../simulator/world.ts'

interface VectorSigner {
  readonly identifier: number
  readonly share: string
  readonly randomness: readonly [string, string]
  readonly nonces: readonly [string, string]
  readonly commitments: readonly [string, string]
  readonly bindingFactor: string
  readonly signatureShare: string
}

interface Vector {
  readonly publicKey: string
  readonly message: string
  readonly signers: readonly VectorSigner[]
  readonly signature: string
}

/** RFC 9591 appendix E.1, in the test itself: the one vector that every build checks. */
const RFC_9591_ED25519: Vector = {
  publicKey: '15d21ccd7ee42959562fc8aa63224c8851fb3ec85a3faf66040d380fb9738673',
  message: '74657374',
  signers: [
    {
      identifier: 1,
      share: '929dcc590407aae7d388761cddb0c0db6f5627aea8e217f4a033f2ec83d93509',
      randomness: [
        '0fd2e39e111cdc266f6c0f4d0fd45c947761f1f5d3cb583dfcb9bbaf8d4c9fec',
        '69cd85f631d5f7f2721ed5e40519b1366f340a87c2f6856363dbdcda348a7501',
      ],
      nonces: [
        '812d6104142944d5a55924de6d49940956206909f2acaeedecda2b726e630407',
        'b1110165fc2334149750b28dd813a39244f315cff14d4e89e6142f262ed83301',
      ],
      commitments: [
        'b5aa8ab305882a6fc69cbee9327e5a45e54c08af61ae77cb8207be3d2ce13de3',
        '67e98ab55aa310c3120418e5050c9cf76cf387cb20ac9e4b6fdb6f82a469f932',
      ],
      bindingFactor: 'f2cb9d7dd9beff688da6fcc83fa89046b3479417f47f55600b106760eb3b5603',
      signatureShare: '001719ab5a53ee1a12095cd088fd149702c0720ce5fd2f29dbecf24b7281b603',
    },
    {
      identifier: 3,
      share: 'd3cb090a075eb154e82fdb4b3cb507f110040905468bb9c46da8bdea643a9a02',
      randomness: [
        '86d64a260059e495d0fb4fcc17ea3da7452391baa494d4b00321098ed2a0062f',
        '13e6b25afb2eba51716a9a7d44130c0dbae0004a9ef8d7b5550c8a0e07c61775',
      ],
      nonces: [
        'c256de65476204095ebdc01bd11dc10e57b36bc96284595b8215222374f99c0e',
        '243d71944d929063bc51205714ae3c2218bd3451d0214dfb5aeec2a90c35180d',
      ],
      commitments: [
        'cfbdb165bd8aad6eb79deb8d287bcc0ab6658ae57fdcc98ed12c0669e90aec91',
        '7487bc41a6e712eea2f2af24681b58b1cf1da278ea11fe4e8b78398965f13552',
      ],
      bindingFactor: 'b087686bf35a13f3dc78e780a34b0fe8a77fef1b9938c563f5573d71d8d7890f',
      signatureShare: 'bd86125de990acc5e1f13781d8e32c03a9bbd4c53539bbc106058bfd14326007',
    },
  ],
  signature:
    '36282629c383bb820a88b71cae937d41f2f2adfcc3d02e55507e2fb9e2dd3cbebd9d2b0844e49ae0f3fa935161e1419aab7b47d21a37ebeae1f17d4987b3160b',
}

interface VectorFile {
  readonly inputs: {
    readonly group_public_key?: string
    readonly verifying_key_key?: string
    readonly message: string
    readonly participant_shares: readonly { readonly identifier: number; readonly participant_share: string }[]
  }
  readonly round_one_outputs: { readonly outputs: readonly Readonly<Record<string, string | number>>[] }
  readonly round_two_outputs: { readonly outputs: readonly { readonly identifier: number; readonly sig_share: string }[] }
  readonly final_output: { readonly sig: string }
}

function read(path: string): Vector {
  const file = JSON.parse(readFileSync(path, 'utf8')) as VectorFile
  return {
    publicKey: file.inputs.group_public_key ?? (file.inputs.verifying_key_key as string),
    message: file.inputs.message,
    signature: file.final_output.sig,
    signers: file.round_one_outputs.outputs.map((o) => {
      const text = (name: string): string => o[name] as string
      return {
        identifier: o['identifier'] as number,
        share: file.inputs.participant_shares.find((s) => s.identifier === o['identifier'])?.participant_share as string,
        randomness: [text('hiding_nonce_randomness'), text('binding_nonce_randomness')],
        nonces: [text('hiding_nonce'), text('binding_nonce')],
        commitments: [text('hiding_nonce_commitment'), text('binding_nonce_commitment')],
        bindingFactor: text('binding_factor'),
        signatureShare: file.round_two_outputs.outputs.find((s) => s.identifier === o['identifier'])?.sig_share as string,
      }
    }),
  }
}

function check(suite: FrostSuite, vector: Vector): void {
  for (const curves of [nativeCurves, nobleCurves]) {
    const group = suite.group(curves)
    const message = fromHex(vector.message)
    const publicKey = fromHex(vector.publicKey)
    const nonces = new Map<PartyId, Nonces>()
    const commitments = new Map<PartyId, Commitment>()
    for (const s of vector.signers) {
      const [hiding, binding] = s.randomness.map((r) => nonce(suite, group, fromHex(r), fromHex(s.share))) as [
        Uint8Array,
        Uint8Array,
      ]
      expect([toHex(hiding), toHex(binding)]).toEqual(s.nonces)
      const commitment = commitmentOf(group, { hiding, binding })
      expect([toHex(commitment.hiding), toHex(commitment.binding)]).toEqual(s.commitments)
      nonces.set(s.identifier, { hiding, binding })
      commitments.set(s.identifier, commitment)
    }
    const c = context(suite, group, publicKey, commitments, message)
    if (c === null) throw new Error('the group commitment is the identity')
    const z = new Uint8Array(32)
    for (const s of vector.signers) {
      expect(toHex(c.bindingFactors.get(s.identifier) as Uint8Array)).toBe(s.bindingFactor)
      const share = signShare(group, s.identifier, nonces.get(s.identifier) as Nonces, fromHex(s.share), c)
      expect(toHex(share)).toBe(s.signatureShare)
      const commitment = commitments.get(s.identifier) as Commitment
      expect(verifyShare(group, s.identifier, share, commitment, group.baseMul(fromHex(s.share)), c)).toBe(true)
      group.addAssign(z, share)
    }
    const signature = encodeSignature(suite, c.R, z)
    expect(toHex(signature)).toBe(vector.signature)
    expect(suite.verify(curves, signature, message, publicKey)).toBe(true)
  }
}

describe('nonces, commitments, binding factors, shares and signature', () => {
  it('RFC 9591 E.1, FROST(Ed25519, SHA-512)', () => check(FROST_ED25519, RFC_9591_ED25519))

  const folder = '../shared/vectors'
  const present = existsSync(folder)
  if (!present) console.warn(`${folder} is absent: only the vector inside the test is checked`)
  const files: readonly (readonly [string, FrostSuite])[] = [
    ['frost-ed25519-sha512.json', FROST_ED25519],
    ['zf/frost-ed25519-vectors.json', FROST_ED25519],
    ['zf/frost-ed25519-vectors-big-identifier.json', FROST_ED25519],
    ['zf/frost-secp256k1-tr-vectors.json', FROST_BIP340],
    ['zf/frost-secp256k1-tr-vectors-big-identifier.json', FROST_BIP340],
  ]
  it.skipIf(!present).each(files)('%s', (file, suite) => check(suite, read(`${folder}/${file}`)))
})
