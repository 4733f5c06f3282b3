import { sha256 } from '@noble/hashes/sha2.js'
import type { Group } from '../curve/group.ts'
import { concat, u8, u32, wipe } from '../engine/bytes.ts'
import { block } from './extension.ts'
import { XI } from './parameters.ts'

/** What is transferred at each OT: masks for the two inputs and for the check column. */
export const COLUMNS = 3

/** Bytes hashed for one scalar. P-256's order is 2^256 - 2^224 + ...: 32 bytes modulo it would be off by 2^-32 (protocols.md 1.2). */
const width = (group: Group): number => (group.name === 'secp256k1' ? 32 : 48)

const WIDE = 48

/** PADS of DKLS.md for every OT of instance `inst`: XI times three scalars. The index is hashed in (TOB-BRON-5). The caller wipes them. */
export function pads(group: Group, key: Uint8Array, inst: number, rows: Uint8Array): readonly Uint8Array[] {
  const w = width(group)
  const blocks = Math.ceil((COLUMNS * w) / 32)
  return Array.from({ length: XI }, (_, j) => j).flatMap((j) => {
    const J = inst * XI + j
    const bytes = concat(...Array.from({ length: blocks }, (_, c) => sha256(concat(key, u32(J), u8(c), block(rows, J)))))
    const scalars = Array.from({ length: COLUMNS }, (_, m) => {
      const wide = new Uint8Array(WIDE)
      wide.set(bytes.subarray(w * m, w * (m + 1)), WIDE - w)
      const scalar = group.reduceWide(wide)
      wipe(wide)
      return scalar
    })
    wipe(bytes)
    return scalars
  })
}
