import type { PairSecret } from '../../../../src/protocol/dkls23/pair-record.ts'
import { setUpPair } from '../../../../src/protocol/dkls23/pair-setup.ts'
import type { Env } from '../../../../src/protocol/engine/round.ts'
import { makeWorld, nativeCurves } from '../../../simulator/world.ts'
import { bobDraws, tape } from './as-production.ts'
import { fromBits } from './bits.ts'
import { SECP256K1 } from './curve.ts'
import { bobRandom, drawn, drawnScalar } from './dealt.ts'
import { type Driven, drive } from './drive.ts'
import { integer } from './hashing.ts'
import type { Direction, Setup } from './setups.ts'

const wide = (value: bigint): Uint8Array => integer(value, 48)

/** What a signer of a set-up draws besides, for the rehearsal. */
export const rehearsal = (id: number) => ({
  u: drawnScalar(SECP256K1, `rehearsal/${id}/u`),
  v: drawnScalar(SECP256K1, `rehearsal/${id}/v`),
  asBob: bobRandom(`rehearsal/${id}/bob`, 1),
  asAlice: { nonce: drawn(`rehearsal/${id}/nonce`, 32), ahat: [drawnScalar(SECP256K1, `rehearsal/${id}/hat`)] },
})

export interface Side {
  readonly id: number
  readonly part: Uint8Array
  readonly asAlice: Direction
  readonly asBob: Direction
}

export const sidesOf = ({ min, max, forth, back, partMin, partMax }: Setup): readonly [Side, Side] => [
  { id: min, part: partMin, asAlice: forth, asBob: back },
  { id: max, part: partMax, asAlice: back, asBob: forth },
]

/** In production's order: Delta, nonce, Bob's secret, then two scalars for each OT, the rehearsal, the part of the zero shares' seed. */
function tapeOf({ id, part, asAlice, asBob }: Side): ReturnType<typeof tape> {
  const { u, v, asBob: bobs, asAlice: alices } = rehearsal(id)
  return tape(
    fromBits(asAlice.forAlice.delta),
    asAlice.nonceA,
    wide(asBob.a),
    ...asAlice.exponents.flatMap((beta, i) => [wide(beta), wide(asAlice.others[i] as bigint)]),
    wide(u),
    wide(v),
    ...bobDraws(bobs),
    alices.nonce,
    ...alices.ahat.map(wide),
    part,
  )
}

/** Production's two scripts of one set-up of the oracle. @throws Error when one of them draws less than the tape holds. */
export function driveSetup(made: Setup): ReadonlyMap<number, Driven<PairSecret>> {
  const parties = [made.min, made.max]
  const { roster } = makeWorld({ ids: parties, seed: 'roster of the oracle' })
  const tapes = sidesOf(made).map((side) => [side.id, tapeOf(side)] as const)
  const env = (self: number, rng: Env['rng']): Env => ({
    self,
    parties,
    threshold: 2,
    sessionId: made.session,
    roster,
    rng,
    curves: nativeCurves,
    transcript: () => new Uint8Array(32),
    evidence: () => {
      throw new Error('nobody is accused')
    },
  })
  const driven = drive(new Map(tapes.map(([id, rng]) => [id, setUpPair(env(id, rng))])))
  if (tapes.some(([, rng]) => rng.rest() !== 0)) throw new Error('a script has drawn less than it should')
  return driven
}
