import type { Curves } from '../../../../src/protocol/curve/curves.ts'
import { concat } from '../../../../src/protocol/engine/bytes.ts'
import { Fault, SetupError } from '../../../../src/protocol/engine/fault.ts'
import type { PartyId } from '../../../../src/protocol/engine/party.ts'
import type { Env, Inbox } from '../../../../src/protocol/engine/round.ts'
import { openingOf, sign } from '../../../../src/protocol/hm/sign.ts'
import type { Generation } from '../../../../src/protocol/prss/generation.ts'
import { instanceBytes } from '../../../../src/protocol/request/instance.ts'
import type { SignerItem, SigningScript } from '../../../../src/protocol/signing/batch.ts'
import type { World } from '../../../simulator/world.ts'
import { sharesIn } from '../hm-run.ts'
import { type HonestSigner, intOf, Point, type PointLists, Refused, type Session, type ShareOf, scalarOf } from './session.ts'

const items = (session: Session, shareOf: ShareOf): readonly SignerItem[] =>
  session.items.map((i) => ({
    item: { instance: instanceBytes(i), input: i.digest, publicKey: i.publicKey },
    share: scalarOf(shareOf(i) + intOf(i.tweak)),
    verifyingShares: new Map(),
  }))

/** Faults are the attacker's to see; anything else is a mistake of the attack. */
function refusing<T>(step: () => T): T {
  try {
    return step()
  } catch (error) {
    if (error instanceof Fault || error instanceof SetupError) throw new Refused(error.code)
    throw error
  }
}

/**
 * src/protocol/hm/sign.ts itself, without channel and host: whatever the attacker shows is taken for the named signer's, and sessions
 * may be repeated at will. What it withstands like this, it withstands by its own checks and masks.
 */
export function productionSigner(o: {
  readonly world: World
  readonly id: PartyId
  readonly generation: Generation
  readonly shareOf: ShareOf
  /** A computing fault: what this signer's arithmetic makes of a digest. */
  readonly fault?: (z: bigint) => bigint
}): HonestSigner {
  const { id, generation, shareOf, fault = (z) => z } = o
  const { roster } = o.world
  const right = o.world.curves.secp256k1
  let digests: readonly bigint[] = []
  const curves: Curves = {
    ...o.world.curves,
    secp256k1: { ...right, scalar: (value) => right.scalar(digests.includes(BigInt(value)) ? fault(BigInt(value)) : value) },
  }
  const format = openingOf(curves.secp256k1)
  const start = (session: Session): SigningScript => {
    digests = session.items.map((i) => intOf(i.digest))
    const env: Env = {
      self: id,
      parties: session.signers,
      threshold: session.threshold,
      sessionId: session.sessionId,
      roster,
      curves,
      rng: () => {
        throw new Error('H2 draws no randomness')
      },
      transcript: () => new Uint8Array(32),
      evidence: () => {
        throw new Error('no directs')
      },
    }
    return sign(env, { suite: session.suite, generation, tickets: session.tickets, items: items(session, shareOf) })
  }
  const opening = (script: SigningScript): Uint8Array => {
    const step = script.next()
    if (step.done === true || step.value.broadcast === undefined) throw new Error('round 1 has a broadcast')
    return step.value.broadcast
  }
  return {
    id,
    open: (session) =>
      refusing(() => {
        const { points } = format.read(opening(start(session)), id, session.items.length)
        return points.map((point) => Point.fromBytes(point as Uint8Array))
      }),
    answer: (session: Session, lists: PointLists) =>
      refusing(() => {
        const script = start(session)
        opening(script)
        const inbox: Inbox = new Map(
          session.signers
            .filter((j) => j !== id)
            .map((j) => {
              const bytes = (lists.get(j) as readonly Point[]).map((P) => (P.is0() ? new Uint8Array(33) : P.toBytes(true)))
              const broadcast = format.encode(
                items(session, () => 0n),
                [concat(...bytes)],
              )
              return [j, { broadcast }]
            }),
        )
        const step = script.next(inbox)
        if (step.done === true || step.value.assembler === undefined) throw new Error('round 2 has an answer')
        const { assembler } = step.value
        return session.items.map((_, b) => {
          const [mu, nu] = sharesIn(assembler, b).map(intOf) as [bigint, bigint]
          return { mu, nu }
        })
      }),
  }
}

/** The tickets of decision 16 in front of a signer: one ticket opens one session, which answers once. */
export function ticketed(
  signer: HonestSigner,
  { answersTwice = false, recomputes = false }: { readonly answersTwice?: boolean; readonly recomputes?: boolean } = {},
): HonestSigner {
  const spent = new Set<string>()
  const opened = new Map<string, Session>()
  const nameOf = (session: Session): string =>
    Buffer.from(session.tickets[session.signers.indexOf(signer.id)] as Uint8Array).toString('hex')
  return {
    id: signer.id,
    open: (session) => {
      const name = nameOf(session)
      if (spent.has(name)) throw new Refused('HM_TICKET')
      spent.add(name)
      opened.set(name, session)
      return signer.open(session)
    },
    answer: (session, lists) => {
      // The answer is for what this signer opened, whatever the frame of round 2 says.
      const own = recomputes ? session : opened.get(nameOf(session))
      if (own === undefined) throw new Refused('HM_TICKET')
      if (!answersTwice) opened.delete(nameOf(session))
      return signer.answer(own, lists)
    },
  }
}
