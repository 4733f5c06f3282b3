import { sha256 } from '@noble/hashes/sha2.js'
import type { Group } from '../../../src/protocol/curve/group.ts'
import { BLOCK, XI } from '../../../src/protocol/dkls23/parameters.ts'
import { RVOLE_TWO } from '../../../src/protocol/dkls23/rvole.ts'
import { concat, u8, u32 } from '../../../src/protocol/engine/bytes.ts'
import { TAGS } from '../../../src/protocol/engine/tags.ts'
import { TH, XOF } from '../../../src/protocol/engine/transcript.ts'
import { xor } from './cheating-receiver.ts'

const COLUMNS = 3

/** PADS of the suite for one row. */
function pads(group: Group, key: Uint8Array, J: number, row: Uint8Array): readonly Uint8Array[] {
  const width = group.name === 'secp256k1' ? 32 : 48
  const bytes = concat(...[0, 1, 2, 3, 4].map((c) => sha256(concat(key, u32(J), u8(c), row))))
  return [0, 1, 2].map((m) => {
    const wide = new Uint8Array(48)
    wide.set(bytes.subarray(m * width, (m + 1) * width), 48 - width)
    return group.reduceWide(wide)
  })
}

const plus = (group: Group, a: Uint8Array, b: Uint8Array): Uint8Array => group.addAssign(Uint8Array.from(a), b)
const minus = (group: Group, a: Uint8Array, b: Uint8Array): Uint8Array => plus(group, a, group.negAssign(Uint8Array.from(b)))
const times = (group: Group, a: Uint8Array, b: Uint8Array): Uint8Array => group.mulAssign(Uint8Array.from(a), b)

/** Message 2 over one instance, by a sender that changes what it transfers and makes eta and mu fit the theta that this gives. */
export class CheatingSender {
  readonly #group: Group
  readonly #sid: Uint8Array
  readonly #nonce: Uint8Array
  /** u, v, hat. */
  readonly #inputs: readonly Uint8Array[]
  readonly #alpha0: readonly (readonly Uint8Array[])[]
  readonly #alpha1: readonly (readonly Uint8Array[])[]

  constructor(
    group: Group,
    sid: Uint8Array,
    { rows, delta }: { readonly rows: Uint8Array; readonly delta: Uint8Array },
    nonce: Uint8Array,
    inputs: readonly Uint8Array[],
  ) {
    this.#group = group
    this.#sid = sid
    this.#nonce = nonce
    this.#inputs = inputs
    const key = TH(TAGS.pad, sid, nonce)
    const all = (mask: Uint8Array): readonly (readonly Uint8Array[])[] =>
      Array.from({ length: XI }, (_, J) => pads(group, key, J, xor(rows.subarray(BLOCK * J, BLOCK * (J + 1)), mask)))
    this.#alpha0 = all(new Uint8Array(BLOCK))
    this.#alpha1 = all(delta)
  }

  /** `alter` gets the honest transfers, three for each J, and returns others. */
  message(alter: (honest: readonly (readonly Uint8Array[])[]) => readonly (readonly Uint8Array[])[]): Uint8Array {
    const group = this.#group
    const honest = this.#alpha0.map((alpha0, J) =>
      alpha0.map((a, m) => {
        const masked = minus(group, a, (this.#alpha1[J] as readonly Uint8Array[])[m] as Uint8Array)
        return plus(group, masked, this.#inputs[m] as Uint8Array)
      }),
    )
    const at = concat(...alter(honest).flat())
    const root = TH(TAGS.atilde, this.#sid, this.#nonce, at)
    const theta = [0, 1].map((b) => group.reduceWide(XOF(48, TAGS.theta, root, u8(b))))
    const check = (three: readonly Uint8Array[]): Uint8Array =>
      theta.reduce((sum, t, m) => plus(group, sum, times(group, t, three[m] as Uint8Array)), three[COLUMNS - 1] as Uint8Array)
    const mu = TH(TAGS.mu, this.#sid, concat(...this.#alpha0.map(check)))
    return RVOLE_TWO.encode({ nonce: this.#nonce, at, eta: check(this.#inputs), mu })
  }
}
