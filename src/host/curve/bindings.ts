import { createRequire } from 'node:module'

/** The part of `secp256k1/bindings.js` in use. In-place functions fill their first argument with zeros before they throw. */
export interface LibSecp256k1 {
  contextRandomize(seed: Uint8Array): void
  privateKeyNegate(scalar: Uint8Array): Uint8Array
  privateKeyTweakAdd(scalar: Uint8Array, tweak: Uint8Array): Uint8Array
  privateKeyTweakMul(scalar: Uint8Array, tweak: Uint8Array): Uint8Array
  publicKeyCreate(scalar: Uint8Array): Uint8Array
  publicKeyConvert(point: Uint8Array, compressed: boolean): Uint8Array
  publicKeyNegate(point: Uint8Array, compressed?: boolean): Uint8Array
  publicKeyCombine(points: readonly Uint8Array[]): Uint8Array
  publicKeyTweakMul(point: Uint8Array, tweak: Uint8Array): Uint8Array
  ecdh(
    point: Uint8Array,
    scalar: Uint8Array,
    options: {
      hashfn: (x: Uint8Array, y: Uint8Array) => Uint8Array
      xbuf: Uint8Array
      ybuf: Uint8Array
    },
    output: Uint8Array,
  ): Uint8Array
  ecdsaVerify(signature: Uint8Array, digest: Uint8Array, point: Uint8Array): boolean
}

/** The part of `sodium-native` in use. Outputs come first; failures throw. */
export interface LibSodium {
  crypto_core_ed25519_is_valid_point(point: Uint8Array): boolean
  crypto_core_ed25519_add(out: Uint8Array, p: Uint8Array, q: Uint8Array): void
  crypto_core_ed25519_scalar_add(out: Uint8Array, x: Uint8Array, y: Uint8Array): void
  crypto_core_ed25519_scalar_negate(out: Uint8Array, scalar: Uint8Array): void
  crypto_core_ed25519_scalar_reduce(out: Uint8Array, wide: Uint8Array): void
  crypto_scalarmult_ed25519_base_noclamp(out: Uint8Array, scalar: Uint8Array): void
  crypto_scalarmult_ed25519_noclamp(out: Uint8Array, scalar: Uint8Array, point: Uint8Array): void
  crypto_sign_seed_keypair(publicKey: Uint8Array, secretKey: Uint8Array, seed: Uint8Array): void
  crypto_sign_detached(signature: Uint8Array, message: Uint8Array, secretKey: Uint8Array): void
  crypto_sign_verify_detached(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean
  crypto_scalarmult_base(out: Uint8Array, secret: Uint8Array): void
  crypto_scalarmult(out: Uint8Array, secret: Uint8Array, publicKey: Uint8Array): void
  crypto_aead_chacha20poly1305_ietf_encrypt(
    out: Uint8Array,
    plaintext: Uint8Array,
    header: Uint8Array,
    none: null,
    nonce: Uint8Array,
    key: Uint8Array,
  ): void
  crypto_aead_chacha20poly1305_ietf_decrypt(
    out: Uint8Array,
    none: null,
    sealed: Uint8Array,
    header: Uint8Array,
    nonce: Uint8Array,
    key: Uint8Array,
  ): void
}

export interface Bindings {
  readonly secp256k1: LibSecp256k1
  readonly sodium: LibSodium
}

/**
 * Loads both native libraries. The file `secp256k1/bindings.js`, never the package `secp256k1`: its main file answers a missing
 * binary with a variable-time JavaScript curve, in silence (decisions.md 23).
 * @throws Error naming the binding and the platform.
 */
export function loadBindings(): Bindings {
  const require = createRequire(import.meta.url)
  const load = (file: string): unknown => {
    try {
      return require(file)
    } catch (cause) {
      throw new Error(`the native binding ${file} does not load on ${process.platform}-${process.arch}`, { cause })
    }
  }
  return { secp256k1: load('secp256k1/bindings.js') as LibSecp256k1, sodium: load('sodium-native') as LibSodium }
}
