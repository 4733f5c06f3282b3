/** Variant byte of ctx: names the parameters below (protocols.md 1.1). Another set of them needs another number. */
export const VARIANT = 1

/** Computational security: base OTs of a pair, bits of Delta, width of an extended row and of the consistency check. */
export const LAMBDA = 128

/** OTs of one multiplication: 256 bits of the scalar and twice 80 bits of statistical security. */
export const XI = 416

/** Bytes of an element of GF(2^128): a row of the extended matrix, Delta, a seed. */
export const BLOCK = 16

/** Bytes of the check blocks that hide the receiver's choices in the consistency check. */
const CHECK = LAMBDA / 8

/** Most multiplications of one signer in one session: keeps each of its messages below 2.7 MB and its reply below 4 MiB. */
export const MAX_MULTIPLICATIONS = 64

/** Most items of a batch that t signers sign together. */
export const maxBatch = (threshold: number): number => Math.floor(MAX_MULTIPLICATIONS / (threshold - 1))

/** Bytes of the choices of `count` multiplications. */
export const choiceBytes = (count: number): number => (count * XI) / 8

/** L of protocols.md 5.1: bytes of one column of the extended matrix, check bits included. */
export const columnBytes = (count: number): number => choiceBytes(count) + CHECK

/** Bytes of the rows of the matrix. */
export const rowBytes = (count: number): number => count * XI * BLOCK

/** M of protocols.md 5.1: coefficients of the consistency check. */
export const challenges = (count: number): number => Math.ceil(choiceBytes(count) / BLOCK)

/** @throws RangeError when a batch is too large or empty: before anything is allocated for it. */
export function assertCount(count: number): void {
  if (!Number.isInteger(count) || count < 1 || count > MAX_MULTIPLICATIONS) {
    throw new RangeError(`1..${MAX_MULTIPLICATIONS} multiplications are possible at once`)
  }
}
