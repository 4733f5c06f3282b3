import { baseAlice, baseBob, type Choice, pairIdOf, psidOf, zseedOf } from './base-ot.ts'
import { toBits } from './bits.ts'
import { base, type Point, SECP256K1 } from './curve.ts'
import { drawn, drawnScalar } from './dealt.ts'
import { type AliceSeeds, type BobSeeds, ROWS } from './extension.ts'

/** Pair set-ups as base OTs make them, every secret of both sides drawn from a name. */

export interface Direction {
  readonly alice: number
  readonly bob: number
  readonly nonceA: Uint8Array
  readonly nonceB: Uint8Array
  /** Bob's secret, and a G. */
  readonly a: bigint
  readonly aPoint: Point
  /** Alice's choice bits, 16 bytes, and per OT: beta_i, and the exponent of phi_{i, 1 - c_i}. */
  readonly choices: Uint8Array
  readonly exponents: readonly bigint[]
  readonly others: readonly bigint[]
  readonly phi: readonly Choice[]
  readonly forAlice: AliceSeeds
  readonly forBob: BobSeeds
}

export interface Setup {
  readonly session: Uint8Array
  readonly min: number
  readonly max: number
  /** min is Alice; max is Alice. */
  readonly forth: Direction
  readonly back: Direction
  readonly partMin: Uint8Array
  readonly partMax: Uint8Array
  readonly zseed: Uint8Array
  readonly pairId: Uint8Array
}

export const ROW_NUMBERS: readonly number[] = Array.from({ length: ROWS }, (_, i) => i)

/** A signer has one nonce for both directions of a set-up. */
function direction(setupName: string, session: Uint8Array, alice: number, bob: number): Direction {
  const name = `${setupName}/${alice}>${bob}`
  const nonceA = drawn(`${setupName}/nonce/${alice}`, 32)
  const nonceB = drawn(`${setupName}/nonce/${bob}`, 32)
  const psid = psidOf(session, alice, bob, nonceA, nonceB)
  const a = drawnScalar(SECP256K1, `${name}/a`)
  const aPoint = base(SECP256K1, a)
  const choices = drawn(`${name}/choices`, 16)
  const exponents = ROW_NUMBERS.map((i) => drawnScalar(SECP256K1, `${name}/beta/${i}`))
  const others = ROW_NUMBERS.map((i) => drawnScalar(SECP256K1, `${name}/other/${i}`))
  const made = baseAlice(psid, aPoint, {
    choices: toBits(choices),
    exponents,
    others: others.map((other) => base(SECP256K1, other)),
  })
  const { phi, seeds, delta } = made
  const forBob = { psid, seeds: baseBob(psid, a, phi) }
  return { alice, bob, nonceA, nonceB, a, aPoint, choices, exponents, others, phi, forAlice: { psid, delta, seeds }, forBob }
}

export function setup(name: string, min: number, max: number): Setup {
  const session = drawn(`${name}/session`, 32)
  const forth = direction(name, session, min, max)
  const back = direction(name, session, max, min)
  const partMin = drawn(`${name}/part/${min}`, 32)
  const partMax = drawn(`${name}/part/${max}`, 32)
  return {
    session,
    min,
    max,
    forth,
    back,
    partMin,
    partMax,
    zseed: zseedOf(session, min, max, partMin, partMax),
    pairId: pairIdOf(min, max, forth.forAlice.psid, back.forAlice.psid),
  }
}
