import { hash, randomBytes } from 'node:crypto'
import type { Curves } from '../../protocol/curve/curves.ts'
import { wipe } from '../../protocol/engine/bytes.ts'
import { loadBindings } from './bindings.ts'
import { nativeEd25519, nativeEd25519Signatures } from './native-ed25519.ts'
import { nativeP256, nativeP256Verify } from './native-p256.ts'
import { nativeSealing } from './native-sealing.ts'
import { nativeEcdsaVerify, nativeSchnorrVerify, nativeSecp256k1 } from './native-secp256k1.ts'

/**
 * libsecp256k1, libsodium and OpenSSL behind {@link Curves}. Each thread loads its own: the libsecp256k1 context belongs to the thread
 * that loaded the binding. @throws Error when a binding does not load.
 */
export function loadNativeCurves(): Curves {
  const { secp256k1: lib, sodium } = loadBindings()
  // Blinds the generator table: base multiplications no longer repeat the same intermediate values for the same secret.
  const seed = randomBytes(32)
  lib.contextRandomize(seed)
  wipe(seed)

  const secp256k1 = nativeSecp256k1(lib)
  const p256 = nativeP256()
  return {
    id: 'native',
    secp256k1,
    p256: p256.group,
    ed25519: nativeEd25519(sodium),
    ecdsaVerify: nativeEcdsaVerify(lib),
    ecdsaP256Verify: p256.ecdsaVerify,
    schnorrVerify: nativeSchnorrVerify(secp256k1),
    p256Verify: nativeP256Verify(),
    ...nativeEd25519Signatures(sodium),
    sha256: (message) => new Uint8Array(hash('sha256', message, 'buffer')),
    ...nativeSealing(sodium),
  }
}
