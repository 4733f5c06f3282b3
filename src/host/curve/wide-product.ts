/**
 * The 64-byte little-endian product of two 32-byte little-endian integers: what sodium-native lacks to multiply secret scalars
 * mod L (its binding has the reduction of 64 bytes, not the product). @param out overwritten; a secret when an operand is.
 *
 * Column by column, the bytes themselves as digits. Every index is public, every step runs whatever the digits are, and a column
 * stays below 32 * 255^2 + 2^14 < 2^22. `Math.imul` and `| 0` keep all values 32-bit integers in every tier of the engine: a plain `*`
 * would look for overflow and for -0, which branches on the digits (attacks.md C-01, C-03).
 */
export function wideProduct(out: Uint8Array, a: Uint8Array, b: Uint8Array): void {
  let column = 0
  for (let k = 0; k < 63; k++) {
    const from = k < 32 ? 0 : k - 31
    const to = k < 32 ? k : 31
    for (let i = from; i <= to; i++) column = (column + Math.imul(a[i] as number, b[k - i] as number)) | 0
    out[k] = column & 255
    column >>>= 8
  }
  out[63] = column
}
