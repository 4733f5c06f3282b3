import { ed25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import type { Curves } from '../../../src/protocol/curve/curves.ts'
import { nobleCurves } from '../../../src/protocol/curve/noble-curves.ts'
import { toHex } from '../../../src/protocol/engine/bytes.ts'
import { bytes32 } from '../../protocol/signing/dealt-key.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { type Container, pack, partOf, unpack } from '../container.ts'
import { CURVE_WORDS } from '../curve-words.ts'
import { type FuzzTarget, promise } from '../target.ts'

const G1 = nobleCurves.secp256k1
const G2 = nobleCurves.ed25519
const G3 = nobleCurves.p256

/** Operations on bytes of peers by name; parts are operands. */
const OPERATIONS: Readonly<Record<string, (curves: Curves, c: Container) => unknown>> = {
  'secp256k1 point': ({ secp256k1: g }, c) => g.isPoint(partOf(c, 0)),
  'ed25519 point': ({ ed25519: g }, c) => g.isPoint(partOf(c, 0)),
  'secp256k1 scalar': ({ secp256k1: g }, c) => g.isScalar(partOf(c, 0)),
  'ed25519 scalar': ({ ed25519: g }, c) => g.isScalar(partOf(c, 0)),
  'secp256k1 sum': ({ secp256k1: g }, c) =>
    c.parts.length > 0 && c.parts.every((p) => g.isPoint(p)) ? g.sum(c.parts) : undefined,
  'ed25519 sum': ({ ed25519: g }, c) => (c.parts.length > 0 && c.parts.every((p) => g.isPoint(p)) ? g.sum(c.parts) : undefined),
  'secp256k1 product': ({ secp256k1: g }, c) =>
    g.isPoint(partOf(c, 0)) && g.isScalar(partOf(c, 1)) ? g.mulPublic(partOf(c, 0), partOf(c, 1)) : undefined,
  'ed25519 product': ({ ed25519: g }, c) =>
    g.isPoint(partOf(c, 0)) && g.isScalar(partOf(c, 1)) ? g.mulPublic(partOf(c, 0), partOf(c, 1)) : undefined,
  ecdsa: (curves, c) => curves.ecdsaVerify(partOf(c, 0), partOf(c, 1), partOf(c, 2)),
  schnorr: (curves, c) => curves.schnorrVerify(partOf(c, 0), partOf(c, 1), partOf(c, 2)),
  ed25519: (curves, c) => curves.ed25519Verify(partOf(c, 0), partOf(c, 1), partOf(c, 2)),
  p256: (curves, c) => curves.p256Verify(partOf(c, 0), partOf(c, 1), partOf(c, 2)),
  x25519: (curves, c) =>
    partOf(c, 1).length === 32 && partOf(c, 0).length === 32 ? curves.x25519(partOf(c, 0), partOf(c, 1)) : undefined,
  // The position is the input's first byte: new ones go to the end.
  'p256 point': ({ p256: g }, c) => g.isPoint(partOf(c, 0)),
  'p256 sum': ({ p256: g }, c) => (c.parts.length > 0 && c.parts.every((p) => g.isPoint(p)) ? g.sum(c.parts) : undefined),
  'p256 product': ({ p256: g }, c) =>
    g.isPoint(partOf(c, 0)) && g.isScalar(partOf(c, 1)) ? g.mulPublic(partOf(c, 0), partOf(c, 1)) : undefined,
  'p256 digest': (curves, c) => curves.ecdsaP256Verify(partOf(c, 0), partOf(c, 1), partOf(c, 2)),
  'secp256k1 secret product': ({ secp256k1: g }, c) =>
    g.isPoint(partOf(c, 0)) && g.isScalar(partOf(c, 1)) ? g.mulSecret(partOf(c, 0), partOf(c, 1)) : undefined,
  'p256 secret product': ({ p256: g }, c) =>
    g.isPoint(partOf(c, 0)) && g.isScalar(partOf(c, 1)) ? g.mulSecret(partOf(c, 0), partOf(c, 1)) : undefined,
}
const NAMES = Object.keys(OPERATIONS)

/** A value, or that it was refused with a RangeError. */
function said(curves: Curves, name: string, c: Container): string {
  try {
    const value = OPERATIONS[name]?.(curves, c)
    return value instanceof Uint8Array ? toHex(value) : String(value)
  } catch (error) {
    if (error instanceof RangeError) return 'refused'
    throw error
  }
}

/** Native and portable curve code have to agree about every byte string: hosts of one set may run different ones. */
export function open(): FuzzTarget {
  const secret = bytes32('curves/secret')
  const message = bytes32('curves/message')
  return {
    maxLength: 512,
    dictionary: CURVE_WORDS,
    seeds: () =>
      new Map(
        NAMES.map((name, i) => {
          const parts: Readonly<Record<string, readonly Uint8Array[]>> = {
            ecdsa: [
              secp256k1.sign(message, secret, { prehash: false, format: 'compact' }),
              message,
              secp256k1.getPublicKey(secret, true),
            ],
            schnorr: [schnorr.sign(message, secret, new Uint8Array(32)), message, schnorr.getPublicKey(secret)],
            ed25519: [ed25519.sign(message, secret), message, ed25519.getPublicKey(secret)],
            p256: [p256.sign(message, secret, { prehash: true, format: 'compact' }), message, p256.getPublicKey(secret, true)],
            'p256 digest': [
              p256.sign(message, secret, { prehash: false, lowS: true, format: 'compact' }),
              message,
              p256.getPublicKey(secret, true),
            ],
            x25519: [secret, nobleCurves.x25519PublicKey(secret)],
          }
          const group = name.startsWith('ed') ? G2 : name.startsWith('p256') ? G3 : G1
          const second = name.endsWith('product') ? group.scalar(7) : group.generator
          return [
            name.replaceAll(' ', '-'),
            pack(i, ...(parts[name] ?? (name.endsWith('scalar') ? [group.scalar(7)] : [group.generator, second]))),
          ] as const
        }),
      ),
    reaches: [
      'ecdsa true',
      'schnorr true',
      'ed25519 true',
      'p256 true',
      'p256 point true',
      'p256 digest true',
      'p256 secret product value',
      'secp256k1 point true',
      'ed25519 point true',
      'x25519 value',
    ],
    run: (input) => {
      const container = unpack(input)
      const name = NAMES[container.mode % NAMES.length] as string
      const native = said(nativeCurves, name, container)
      const portable = said(nobleCurves, name, container)
      promise(native === portable, `${name}: the native back end says ${native}, the portable one ${portable}`)
      return `${name} ${native.length > 9 ? 'value' : native}`
    },
  }
}
