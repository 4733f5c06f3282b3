import { wipe } from '../engine/bytes.ts'
import { BLOCK } from './parameters.ts'

/** x^7 + x^2 + x + 1: what x^128 is worth in GF(2^128). */
const REDUCTION = 0x87

/**
 * lin(w) of protocols.md 5.1: the last block of `column` plus the sum of chi_m times its m-th block, in GF(2^128). Bit j of a block is the coefficient of
 * x^j. The coefficients `chi` are public and steer the loop; the column is secret and is only shifted and added.
 */
export function combine(chi: Uint8Array, column: Uint8Array): Uint8Array {
  const data = column.length - BLOCK
  const blocks = Math.ceil(data / BLOCK)
  const padded = new Uint8Array(blocks * BLOCK)
  padded.set(column.subarray(0, data))
  // powers[k] collects the blocks whose coefficient holds x^k.
  const powers = Array.from({ length: 128 }, () => new Uint8Array(BLOCK))
  for (let m = 0; m < blocks; m++) {
    for (let k = 0; k < 128; k++) {
      if ((((chi[BLOCK * m + (k >> 3)] as number) >> (k & 7)) & 1) === 1) {
        addInto(powers[k] as Uint8Array, padded.subarray(BLOCK * m))
      }
    }
  }
  const sum = new Uint8Array(BLOCK)
  for (let k = 127; k >= 0; k--) {
    double(sum)
    addInto(sum, powers[k] as Uint8Array)
  }
  addInto(sum, column.subarray(data))
  wipe(padded, ...powers)
  return sum
}

function addInto(target: Uint8Array, block: Uint8Array): void {
  for (let i = 0; i < BLOCK; i++) target[i] = (target[i] as number) ^ (block[i] as number)
}

function double(element: Uint8Array): void {
  const top = (element[BLOCK - 1] as number) >> 7
  for (let i = BLOCK - 1; i > 0; i--) element[i] = ((element[i] as number) << 1) | ((element[i - 1] as number) >> 7)
  element[0] = ((element[0] as number) << 1) ^ (-top & REDUCTION)
}
