import { SUITES } from '../channel/setup.ts'
import type { Curves } from '../curve/curves.ts'
import type { Group } from '../curve/group.ts'
import { type Shape, uint } from '../engine/codec.ts'
import { SCHEMES, type Scheme } from '../request/document.ts'

/** The group that keys of a scheme live in; fixed for the life of a key (decisions.md 4). */
export function groupOf(scheme: Scheme, { secp256k1, p256, ed25519 }: Curves): Group {
  if (scheme === 'eddsa-ed25519') return ed25519
  return scheme === 'ecdsa-p256' ? p256 : secp256k1
}

/** Bytes of a public key or verification share: 33 on secp256k1 and P-256 (also for BIP-340, whose parity signers need), 32 on Ed25519. */
export const pointLengthOf = (scheme: Scheme): 33 | 32 => (scheme === 'eddsa-ed25519' ? 32 : 33)

const number = uint(0xffff)

/** A scheme as its u16 number. */
export const schemeShape: Shape<Scheme> = {
  form: number.form,
  parse: (value) => {
    const wanted = number.parse(value)
    const found = SCHEMES.find((scheme) => SUITES[scheme] === wanted)
    if (found === undefined) throw new RangeError('no scheme has this number')
    return found
  },
  plain: (scheme) => SUITES[scheme],
}
