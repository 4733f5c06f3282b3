import { sha256 } from '@noble/hashes/sha2.js'
import { concat, equalBytes, u8, u16, u32, wipe } from '../engine/bytes.ts'
import { Fault } from '../engine/fault.ts'
import type { PartyId } from '../engine/party.ts'
import { TAGS } from '../engine/tags.ts'
import { TH } from '../engine/transcript.ts'
import { combine } from './gf128.ts'
import type { ReceiverSetup, SenderSetup } from './pair-record.ts'
import { BLOCK, challenges, choiceBytes, columnBytes, LAMBDA } from './parameters.ts'

/** What the receiver sends: U (128 columns), and the consistency check. */
export interface Extension {
  readonly u: Uint8Array
  readonly x: Uint8Array
  readonly t: Uint8Array
}

/** The j-th 16-byte block of a concatenation. */
export const block = (bytes: Uint8Array, j: number): Uint8Array => bytes.subarray(BLOCK * j, BLOCK * (j + 1))

/** STREAM of DKLS.md: SHA-256 over key and counter. */
function stream(key: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(Math.ceil(length / 32) * 32)
  for (let n = 0; n * 32 < length; n++) out.set(sha256(concat(key, u32(n))), 32 * n)
  return out.subarray(0, length)
}

/** One column of the matrix: the seed is hashed together with everything that names it, never XORed with a session id (TOB-BRON-6). */
function column(sid: Uint8Array, i: number, y: number, seed: Uint8Array, length: number): Uint8Array {
  const key = TH(TAGS.prg, sid, u16(i), u8(y), seed)
  try {
    return stream(key, length)
  } finally {
    wipe(key)
  }
}

/** chi_m, m < M: public once U is fixed, so that U cannot be chosen to fit them. */
const coefficients = (sid: Uint8Array, u: Uint8Array, count: number): Uint8Array =>
  stream(TH(TAGS.otExtensionChi, TH(TAGS.otExtensionMatrix, sid, u)), BLOCK * challenges(count))

/** Rows from columns: bit i of row J is bit J of column i. */
function transpose(columns: readonly Uint8Array[], count: number): Uint8Array {
  const rows = new Uint8Array(choiceBytes(count) * 8 * BLOCK)
  columns.forEach((bits, i) => {
    for (let J = 0; J < choiceBytes(count) * 8; J++) {
      const at = BLOCK * J + (i >> 3)
      rows[at] = (rows[at] as number) | ((((bits[J >> 3] as number) >> (J & 7)) & 1) << (i & 7))
    }
  })
  return rows
}

/**
 * Step 5.1, the receiver: extends 128 seed pairs to rows T_J under the choices in `choices` (columnBytes long; the last 16 bytes are random and
 * hide the others in the check). The caller wipes the rows.
 */
export function extend(
  setup: ReceiverSetup,
  sid: Uint8Array,
  choices: Uint8Array,
  count: number,
): { readonly extension: Extension; readonly rows: Uint8Array } {
  const length = columnBytes(count)
  const u = new Uint8Array(LAMBDA * length)
  const columns: Uint8Array[] = []
  try {
    for (let i = 0; i < LAMBDA; i++) {
      const r0 = column(sid, i, 0, block(setup.seeds0, i), length)
      const r1 = column(sid, i, 1, block(setup.seeds1, i), length)
      for (let k = 0; k < length; k++) u[i * length + k] = (choices[k] as number) ^ (r0[k] as number) ^ (r1[k] as number)
      wipe(r0)
      columns.push(r1)
    }
    const chi = coefficients(sid, u, count)
    return {
      extension: { u, x: combine(chi, choices), t: concat(...columns.map((c) => combine(chi, c))) },
      rows: transpose(columns, count),
    }
  } finally {
    wipe(...columns)
  }
}

/**
 * Step 5.2, the sender: rows Q_J with Q_J = T_J xor choice_J Delta. All 128 columns are compared before anything is decided: where a comparison
 * stopped would tell bits of Delta. The caller wipes the rows.
 * @throws Fault OTE_CHECK naming the receiver; the caller must ban it (protocols.md 7.1).
 */
export function correlate(
  setup: SenderSetup,
  sid: Uint8Array,
  { u, x, t }: Extension,
  count: number,
  receiver: PartyId,
): Uint8Array {
  const length = columnBytes(count)
  const columns: Uint8Array[] = []
  const expected = Uint8Array.from(t)
  try {
    const chi = coefficients(sid, u, count)
    const got: Uint8Array[] = []
    for (let i = 0; i < LAMBDA; i++) {
      const bit = ((setup.delta[i >> 3] as number) >> (i & 7)) & 1
      const w = column(sid, i, 1 - bit, block(setup.seeds, i), length)
      for (let k = 0; k < length; k++) w[k] = (w[k] as number) ^ ((u[i * length + k] as number) & -bit)
      columns.push(w)
      got.push(combine(chi, w))
      for (let k = 0; k < BLOCK; k++) expected[BLOCK * i + k] = (expected[BLOCK * i + k] as number) ^ ((x[k] as number) & -bit)
    }
    const all = concat(...got)
    const consistent = equalBytes(all, expected)
    wipe(all, ...got)
    if (!consistent) throw new Fault('OTE_CHECK', [receiver])
    return transpose(columns, count)
  } finally {
    wipe(expected, ...columns)
  }
}
