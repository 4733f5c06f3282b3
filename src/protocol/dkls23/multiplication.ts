import type { Group } from '../curve/group.ts'
import { concat, type Rng, toHex, u8, u16, u32, wipe } from '../engine/bytes.ts'
import { TAGS } from '../engine/tags.ts'
import { TH, XOF } from '../engine/transcript.ts'
import { inKernel, type Kernel } from './kernel/kernel.ts'
import { choiceBytes, rowBytes, XI } from './parameters.ts'

const SCALAR = 32
/** What is transferred at each OT: masks for the two inputs and for the check column. */
const COLUMNS = 3
/** Bytes sent for one instance: three scalars at each OT. */
export const TRANSFER = XI * COLUMNS * SCALAR
/** Bytes that mu hashes for one instance: one scalar at each OT. */
const CHECKED = XI * SCALAR
/** Ten limbs of four bytes for a scalar, as the kernel holds them. */
const HELD = 40

/** One direction in one session: what both sides compute with. */
export interface Direction {
  readonly group: Group
  /** Names the session and its nonce_B (protocols.md 5.1). */
  readonly sid: Uint8Array
  readonly gadget: Uint8Array
}

/** Shares of the products, in the order of the present instances. */
export interface Shares {
  readonly u: readonly Uint8Array[]
  readonly v: readonly Uint8Array[]
}

/** Public, and 416 long hashes: kept for a few directions, in the kernel's form. */
const GADGETS = new Map<string, Uint8Array>()
const MAX_GADGETS = 64

/** g_j of a direction and suite, in Montgomery form. */
export function gadgetOf(group: Group, suite: number, psid: Uint8Array): Uint8Array {
  const name = `${toHex(psid)} ${suite}`
  let gadget = GADGETS.get(name)
  if (gadget === undefined) {
    const scalars = Array.from({ length: XI }, (_, j) => group.reduceWide(XOF(48, TAGS.gadget, psid, u16(suite), u32(j))))
    gadget = inKernel(0, (kernel) => {
      kernel.setModulus(group)
      kernel.put(kernel.exports.VALUES, concat(...scalars))
      kernel.exports.makeGadget()
      return kernel.take(kernel.exports.GADGET, XI * HELD)
    })
    if (GADGETS.size === MAX_GADGETS) GADGETS.clear()
    GADGETS.set(name, gadget)
  }
  return gadget
}

/** 32 bytes modulo P-256's order, 2^256 - 2^224 + .., would be off by 2^-32: its pads are 48 bytes (protocols.md 1.2). */
const isWide = (group: Group): number => (group.name === 'secp256k1' ? 0 : 1)

const rowsOf = (rows: Uint8Array, inst: number): Uint8Array => rows.subarray(rowBytes(inst), rowBytes(inst + 1))

const betaOf = (choices: Uint8Array, inst: number): Uint8Array => choices.subarray(choiceBytes(inst), choiceBytes(inst + 1))

/** The modulus, the gadget, and the key of the pads for this nonce_A. */
function enter(kernel: Kernel, { group, sid, gadget }: Direction, nonce: Uint8Array): void {
  kernel.setModulus(group)
  kernel.put(kernel.exports.GADGET, gadget)
  const key = TH(TAGS.pad, sid, nonce)
  kernel.put(kernel.exports.PAD_KEY, key)
  wipe(key)
  kernel.exports.startPads()
}

/** theta_0 and theta_1 from the hash of all transfers. */
function setTheta(kernel: Kernel, group: Group, root: Uint8Array): void {
  for (const b of [0, 1]) kernel.put(kernel.exports.SCALARS, group.reduceWide(XOF(48, TAGS.theta, root, u8(b))), SCALAR * b)
  kernel.exports.setTheta()
}

function takeShares(kernel: Kernel): readonly [Uint8Array, Uint8Array] {
  const { SCALARS } = kernel.exports
  return [kernel.take(SCALARS, SCALAR), kernel.take(SCALARS, SCALAR, SCALAR)]
}

/** Bob's input of each instance: the sum of the gadget scalars that his choices pick. */
export function chosenSums({ group, gadget }: Direction, choices: Uint8Array, count: number): readonly Uint8Array[] {
  return inKernel(0, (kernel) => {
    const { exports } = kernel
    kernel.setModulus(group)
    kernel.put(exports.GADGET, gadget)
    return Array.from({ length: count }, (_, inst) => {
      kernel.put(exports.BETA, betaOf(choices, inst))
      exports.chooseSum()
      return kernel.take(exports.SCALARS, SCALAR)
    })
  })
}

/** eta of all present instances: hat + theta_0 u + theta_1 v, four at a time. */
function checkInputs(kernel: Kernel, inputs: readonly Uint8Array[]): Uint8Array {
  const { SCALARS, checkInputs } = kernel.exports
  const eta = new Uint8Array(inputs.length * SCALAR)
  inputs.forEach((input, k) => {
    const lane = k % 4
    kernel.put(SCALARS, input, lane * COLUMNS * SCALAR)
    if (lane !== 3 && k !== inputs.length - 1) return
    checkInputs()
    for (let l = 0; l <= lane; l++) eta.set(kernel.take(SCALARS, SCALAR, l * COLUMNS * SCALAR), (k - lane + l) * SCALAR)
  })
  return eta
}

/**
 * Step 3 (protocols.md 5.3), Alice: what she sends over the instances in `present`, and her shares c. `u[k]`, `v[k]` are her inputs of
 * the k-th of them, `rows` the Q_J of the whole batch.
 */
export function send(
  direction: Direction,
  delta: Uint8Array,
  rows: Uint8Array,
  present: readonly number[],
  { u, v }: Shares,
  rng: Rng,
): {
  readonly nonce: Uint8Array
  readonly at: Uint8Array
  readonly eta: Uint8Array
  readonly mu: Uint8Array
  readonly c: Shares
} {
  const { group, sid } = direction
  const nonce = rng(32)
  const hats = present.map(() => group.randomScalar(rng))
  const inputs = present.map((_, k) => concat(u[k] as Uint8Array, v[k] as Uint8Array, hats[k] as Uint8Array))
  const alphas: Uint8Array[] = []
  try {
    return inKernel(0, (kernel) => {
      const { exports } = kernel
      enter(kernel, direction, nonce)
      kernel.put(exports.DELTA, delta)
      const at = new Uint8Array(present.length * TRANSFER)
      const shares: (readonly [Uint8Array, Uint8Array])[] = []
      kernel.beginHash(TAGS.atilde, [sid, nonce], at.length)
      present.forEach((inst, k) => {
        kernel.put(exports.ROWS, rowsOf(rows, inst))
        kernel.put(exports.SCALARS, inputs[k] as Uint8Array)
        exports.send(inst * XI, isWide(group))
        kernel.hash(exports.TRANSFERS, TRANSFER)
        kernel.copy(exports.TRANSFERS, TRANSFER, at, k * TRANSFER)
        alphas.push(kernel.take(exports.ALPHA, XI * COLUMNS * HELD))
        shares.push(takeShares(kernel))
      })
      setTheta(kernel, group, kernel.endHash())
      const eta = checkInputs(kernel, inputs)
      kernel.beginHash(TAGS.mu, [sid], present.length * CHECKED)
      for (const alpha of alphas) {
        kernel.put(exports.ALPHA, alpha)
        exports.senderValues()
        kernel.hash(exports.VALUES, CHECKED)
      }
      return { nonce, at, eta, mu: kernel.endHash(), c: { u: shares.map(([s]) => s), v: shares.map(([, s]) => s) } }
    })
  } finally {
    wipe(...hats, ...inputs, ...alphas)
  }
}

/** What Bob received; lengths fit `present`. */
export interface Transfers {
  readonly nonce: Uint8Array
  readonly at: Uint8Array
  readonly eta: Uint8Array
}

const transfersOf = (at: Uint8Array, k: number): Uint8Array => at.subarray(k * TRANSFER, (k + 1) * TRANSFER)
const scalarOf = (scalars: Uint8Array, k: number): Uint8Array => scalars.subarray(k * SCALAR, (k + 1) * SCALAR)

/** The hash of all transfers. @throws RangeError when one of their scalars, or of eta, is not below the order. */
export function rootOf({ group, sid }: Direction, { nonce, at, eta }: Transfers): Uint8Array {
  return inKernel(0, (kernel) => {
    const { exports } = kernel
    kernel.setModulus(group)
    kernel.beginHash(TAGS.atilde, [sid, nonce], at.length)
    for (let k = 0; k * SCALAR < eta.length; k++) {
      kernel.put(exports.TRANSFERS, transfersOf(at, k))
      kernel.put(exports.SCALARS, scalarOf(eta, k))
      if (exports.areCanonical() === 0) throw new RangeError('not a canonical scalar')
      kernel.hash(exports.TRANSFERS, TRANSFER)
    }
    return kernel.endHash()
  })
}

/** Step 4 (5.4), Bob: the mu that he expects, and his shares d. `rows` and `choices` are those of the whole batch. */
export function receive(
  direction: Direction,
  rows: Uint8Array,
  choices: Uint8Array,
  present: readonly number[],
  { nonce, at, eta }: Transfers,
  root: Uint8Array,
): { readonly mu: Uint8Array; readonly d: Shares } {
  const { group, sid } = direction
  return inKernel(0, (kernel) => {
    const { exports } = kernel
    enter(kernel, direction, nonce)
    setTheta(kernel, group, root)
    const shares: (readonly [Uint8Array, Uint8Array])[] = []
    kernel.beginHash(TAGS.mu, [sid], present.length * CHECKED)
    present.forEach((inst, k) => {
      kernel.put(exports.ROWS, rowsOf(rows, inst))
      kernel.put(exports.BETA, betaOf(choices, inst))
      kernel.put(exports.TRANSFERS, transfersOf(at, k))
      kernel.put(exports.SCALARS, scalarOf(eta, k))
      exports.receive(inst * XI, isWide(group))
      kernel.hash(exports.VALUES, CHECKED)
      shares.push(takeShares(kernel))
    })
    return { mu: kernel.endHash(), d: { u: shares.map(([s]) => s), v: shares.map(([, s]) => s) } }
  })
}
