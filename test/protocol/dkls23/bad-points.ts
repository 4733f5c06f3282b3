import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { concat } from '../../../src/protocol/engine/bytes.ts'
import type { DklsScheme } from './dkls-run.ts'

/** 33 bytes that are no point of the scheme's curve, or not its one encoding. */
export function badPoints(scheme: DklsScheme): readonly (readonly [string, Uint8Array])[] {
  const curve = scheme === 'ecdsa-p256' ? p256 : secp256k1
  const x = curve.Point.BASE.multiply(5n).toBytes(true).slice(1)
  const beyond = curve.Point.Fp.ORDER.toString(16).padStart(64, '0')
  return [
    ['33 zero bytes', new Uint8Array(33)],
    ...[0, 1, 4, 6, 7].map((prefix) => [`prefix ${prefix}`, concat(Uint8Array.of(prefix), x)] as const),
    ['x of the prime', concat(Uint8Array.of(2), Buffer.from(beyond, 'hex'))],
    ['x not on the curve', concat(Uint8Array.of(2), offCurve(curve))],
  ]
}

function offCurve(curve: typeof secp256k1): Uint8Array {
  for (let n = 1; ; n++) {
    const x = new Uint8Array(32)
    x[31] = n
    try {
      curve.Point.fromBytes(concat(Uint8Array.of(2), x))
    } catch {
      return x
    }
  }
}
