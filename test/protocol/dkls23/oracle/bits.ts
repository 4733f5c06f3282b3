/** Bit strings as arrays of booleans, and GF(2^128) as integers: slow, and plain to see. */

/** Bit `j` of bytes is `(s[j >> 3] >> (j & 7)) & 1`. */
export const toBits = (bytes: Uint8Array): boolean[] =>
  [...bytes].flatMap((byte) => [0, 1, 2, 3, 4, 5, 6, 7].map((j) => ((byte >> j) & 1) === 1))

export function fromBits(bits: readonly boolean[]): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(bits.length / 8))
  bits.forEach((bit, j) => {
    if (bit) bytes[j >> 3] = (bytes[j >> 3] as number) + 2 ** (j & 7)
  })
  return bytes
}

export const xor = (a: readonly boolean[], b: readonly boolean[]): boolean[] => {
  if (a.length !== b.length) throw new RangeError('bit strings of two lengths')
  return a.map((bit, j) => bit !== b[j])
}

/** Bit j of the element is the coefficient of x^j. Fewer than 128 bits are extended by zeros. */
export const element = (bits: readonly boolean[]): bigint => BigInt(`0b0${[...bits].reverse().map(Number).join('')}`)

export const elementBytes = (value: bigint): Uint8Array => {
  const hex = value.toString(16).padStart(32, '0')
  return Uint8Array.from(Buffer.from(hex, 'hex').reverse())
}

/** Modulo x^128 + x^7 + x^2 + x + 1. */
const POLYNOMIAL = (1n << 128n) | 0x87n

export function product(a: bigint, b: bigint): bigint {
  let sum = 0n
  for (let j = 127n; j >= 0n; j--) {
    sum <<= 1n
    if (sum >> 128n) sum ^= POLYNOMIAL
    if ((b >> j) & 1n) sum ^= a
  }
  return sum
}

/** `w[N..N+128) xor sum_m chi_m * w[128m..128m+128)`, for w of N + 128 bits. */
export function lin(w: readonly boolean[], chi: readonly bigint[]): bigint {
  const n = w.length - 128
  return chi.reduce(
    (sum, factor, m) => sum ^ product(factor, element(w.slice(128 * m, Math.min(128 * m + 128, n)))),
    element(w.slice(n)),
  )
}
