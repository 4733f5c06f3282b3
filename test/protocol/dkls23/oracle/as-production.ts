import type { Group } from '../../../../src/protocol/curve/group.ts'
import type { PairSecret, ReceiverSetup, SenderSetup } from '../../../../src/protocol/dkls23/pair-record.ts'
import type { RvoleContext } from '../../../../src/protocol/dkls23/rvole.ts'
import { sign } from '../../../../src/protocol/dkls23/sign.ts'
import type { Rng } from '../../../../src/protocol/engine/bytes.ts'
import type { Incoming } from '../../../../src/protocol/engine/round.ts'
import type { PublicItem, SignerItem, SigningScript } from '../../../../src/protocol/signing/batch.ts'
import { makeWorld, nativeCurves } from '../../../simulator/world.ts'
import { fromBits } from './bits.ts'
import { type Curve, encode, type Point } from './curve.ts'
import type { AliceSeeds, BobSeeds } from './extension.ts'
import { integer, join, plainSha256 } from './hashing.ts'
import { inboxOf, type Transcript } from './run.ts'
import type { AliceRandom, BobRandom, Context } from './rvole.ts'
import { multiplyBody, type NonceSeed, openingBody, type PairSeeds, type Session, type SignerInput } from './signing.ts'

/** The oracle's values in the forms that production takes. */

export const groupOf = (curve: Curve): Group => nativeCurves[curve.name]

export const contextFor = (c: Context): RvoleContext => ({
  group: groupOf(c.curve),
  suite: c.suite,
  ctx: c.ctx,
  sender: c.alice,
  receiver: c.bob,
  count: c.count,
})

export const senderSetup = ({ psid, delta, seeds }: AliceSeeds): SenderSetup => ({
  psid: Uint8Array.from(psid),
  delta: fromBits(delta),
  seeds: join(...seeds),
})

export const receiverSetup = ({ psid, seeds }: BobSeeds): ReceiverSetup => ({
  psid: Uint8Array.from(psid),
  seeds0: join(...seeds.map(([zero]) => zero)),
  seeds1: join(...seeds.map(([, one]) => one)),
})

export const scalarBytes = (value: bigint): Uint8Array => integer(value, 32)

/** The 48 bytes of which `randomScalar` makes this scalar. */
const wide = (value: bigint): Uint8Array => integer(value, 48)

/** A random source that says what it is told, and fails when asked for anything else: the order of drawing is pinned by it. */
export function tape(...values: readonly Uint8Array[]): Rng & { readonly rest: () => number } {
  const left = [...values]
  const rng = (length: number): Uint8Array => {
    const next = left.shift()
    if (next?.length !== length) throw new Error(`asked for ${length} random bytes, the tape has ${next?.length}`)
    return Uint8Array.from(next)
  }
  return Object.assign(rng, { rest: () => left.length })
}

export const bobDraws = ({ nonce, beta, tail }: BobRandom): readonly Uint8Array[] => [nonce, join(beta, tail)]

export const aliceDraws = ({ nonce, ahat }: AliceRandom): readonly Uint8Array[] => [nonce, ...ahat.map(wide)]

export const pairSecret = ({ asAlice, asBob, zseed }: PairSeeds): PairSecret => ({
  pairId: plainSha256(asAlice.psid),
  sender: senderSetup(asAlice),
  receiver: receiverSetup(asBob),
  zseed: Uint8Array.from(zseed),
})

/** What one signer draws in a session, in production's order: nonces item by item, the salt, then for each peer as Bob, then for each as Alice. */
export function signerTape({ random }: SignerInput): ReturnType<typeof tape> {
  const nonces = random.r.flatMap((r, b) => (r === null ? [] : [r.seed, (random.phi[b] as NonceSeed).seed]))
  const each = <T>(map: ReadonlyMap<number, T>): readonly T[] => [...map].sort(([a], [b]) => a - b).map(([, value]) => value)
  return tape(...nonces, random.salt, ...each(random.asBob).flatMap(bobDraws), ...each(random.asAlice).flatMap(aliceDraws))
}

export const publicItems = (session: Session): readonly PublicItem[] =>
  session.items.map(({ instance, digest, publicKey }) => ({ instance, input: digest, publicKey }))

/** Production's signing script for one signer of the oracle's session. */
export function signingScript(session: Session, input: SignerInput, rng: Rng): SigningScript {
  const { signers, threshold, sessionId, suite } = session
  const world = makeWorld({ ids: signers, seed: 'roster of the oracle' })
  const unused = (): never => {
    throw new Error('a signing script needs no transcript and no evidence')
  }
  const items = publicItems(session).map((item, b): SignerItem => {
    if (input.random.r[b] === null) return { instance: item.instance, refusal: 'authorization_invalid' }
    const shares = input.verifyingShares[b] as ReadonlyMap<number, Point>
    return {
      item,
      share: scalarBytes(input.shares[b] as bigint),
      verifyingShares: new Map([...shares].map(([id, point]) => [id, encode(point)])),
    }
  })
  return sign(
    {
      self: input.id,
      parties: signers,
      threshold,
      sessionId,
      roster: world.roster,
      rng,
      curves: nativeCurves,
      transcript: unused,
      evidence: unused,
    },
    { suite, pairs: new Map([...input.pairs].map(([id, pair]) => [id, pairSecret(pair)])), items },
  )
}

/** What one signer of the oracle's transcript received in each round, as production's channels would hand it over. */
export const inboxesOf = (run: Transcript, id: number): readonly ReadonlyMap<number, Incoming>[] => [
  new Map([...inboxOf(run.extend, id)].map(([from, m]) => [from, { broadcast: openingBody(m), direct: m.rvole }])),
  new Map([...inboxOf(run.multiply, id)].map(([from, m]) => [from, { direct: multiplyBody(m) }])),
]
