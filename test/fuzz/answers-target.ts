import { AssemblerActor } from '../../src/actors/assembler-actor.ts'
import { ASSEMBLE, ASSEMBLED, OUTCOME_TYPES } from '../../src/actors/assembler-commands.ts'
import { verifySignature } from '../../src/host/api/verify-signature.ts'
import { nobleCurves } from '../../src/protocol/curve/noble-curves.ts'
import { ASSEMBLER, type PartyId } from '../../src/protocol/engine/party.ts'
import type { Scheme } from '../../src/protocol/request/document.ts'
import type { Answered, PublicItem, SigningCommit } from '../../src/protocol/signing/batch.ts'
import { runSession } from '../simulator/run-session.ts'
import { nativeCurves } from '../simulator/world.ts'
import { bent, bodyIn, broadcastIn, honestExchanges } from './bodies.ts'
import { bit, pack, partOf, unpack } from './container.ts'
import { CURVE_WORDS } from './curve-words.ts'
import { type FuzzTarget, promise } from './target.ts'
import { ATTACKER, attackerAt, honestMail, type Stage, sealed, victimAt } from './victims.ts'

type Command = Parameters<typeof ASSEMBLE.encode>[0]

/** Offset of a byte in the first field of a message. */
const FIRST_FIELD = 8

/** A signing session with the attacker among the signers. */
export interface SigningStage {
  readonly at: Stage<Answered, SigningCommit>
  readonly scheme: Scheme
  readonly signers: readonly PartyId[]
  readonly items: readonly PublicItem[]
  /** What the assembler's worker is told besides the bodies. */
  readonly command: Omit<Command, 'openings' | 'answers' | 'sessionId' | 'signers' | 'scheme'>
  /** The attacker's answer with the digest of its view replaced by the one that the honest signers have; undefined: it is no answer. */
  readonly agree: (answer: Uint8Array, honest: Uint8Array) => Uint8Array | undefined
}

/** How the codec of answers and its field for the view are named differs between the engines. */
export function agreeing<T>(
  codec: { readonly encode: (value: T) => Uint8Array; readonly decode: (bytes: Uint8Array) => T },
  view: keyof T,
): SigningStage['agree'] {
  return (answer, honest) => {
    try {
      return codec.encode({ ...codec.decode(answer), [view]: codec.decode(honest)[view] })
    } catch {
      return undefined
    }
  }
}

/**
 * A malicious signer's opening and answer, assembled with those of honest signers that saw the opening. Parts: opening, answer; an empty
 * one is the honest one's. Mode: bit 0, the answer claims the right view; above, which session.
 */
export function answersTarget(stages: readonly SigningStage[], reaches: readonly string[]): FuzzTarget {
  const assembler = new AssemblerActor(nativeCurves)
  const places = stages.map((s) => {
    const said = honestExchanges(s.at.plan)
    const answer = runSession(s.at.plan).assembler.get(ATTACKER)?.[0]
    if (answer === undefined) throw new Error('the attacker has to be one of the signers')
    return { ...s, channel: attackerAt(s.at, 1), opening: broadcastIn(said[0]), answer: bodyIn(answer) }
  })
  return {
    maxLength: 4096,
    dictionary: CURVE_WORDS,
    seeds: () => {
      const none = new Uint8Array(0)
      return new Map(
        places.flatMap(({ scheme, opening, answer }, i) => [
          [`${scheme}-honest`, pack(2 * i, opening, answer)],
          [`${scheme}-opening`, pack(2 * i, opening, none)],
          [`${scheme}-answer`, pack(2 * i + 1, none, answer)],
          [`${scheme}-bent-answer`, pack(2 * i + 1, none, bent(answer))],
          [`${scheme}-bent-opening`, pack(2 * i, bent(opening), answer)],
          [`${scheme}-another-view`, pack(2 * i, none, bent(answer, FIRST_FIELD))],
          [`${scheme}-nonsense`, pack(2 * i + 1, none, Uint8Array.of(1))],
          [`${scheme}-no-points`, pack(2 * i, none, none)],
        ]),
      )
    },
    reaches,
    run: (input) => {
      const container = unpack(input)
      const place = places[(container.mode >> 1) % places.length] as (typeof places)[number]
      const { at, signers, items, scheme, command, channel, agree } = place
      const opening = partOf(container, 0).length > 0 ? partOf(container, 0) : place.opening
      const attack = sealed(channel, 1, { broadcast: opening })
      const answers = new Map<PartyId, Uint8Array>()
      for (const id of signers.filter((s) => s !== ATTACKER)) {
        const progress = victimAt(at, id, 1).receive([...honestMail(at, id, 1), ...attack])
        if (progress.end?.type === 'failed') return `refused: ${progress.end.fault.code}`
        answers.set(id, bodyIn(progress.outgoing.at(-1) as Uint8Array))
      }
      const honest = [...answers.values()][0] as Uint8Array
      const own = partOf(container, 1).length > 0 ? partOf(container, 1) : place.answer
      answers.set(ATTACKER, (bit(container, 0) ? agree(own, honest) : undefined) ?? own)
      const openingOf = (id: PartyId): Uint8Array =>
        id === ATTACKER
          ? opening
          : bodyIn(at.run.sent.find((p) => p.from === id && p.round === 1 && p.to !== ASSEMBLER)?.bytes as Uint8Array)
      const assembled = ASSEMBLED.decode(
        assembler.call(
          ASSEMBLE.encode({
            ...command,
            scheme,
            sessionId: at.run.sessionId,
            signers,
            openings: signers.map(openingOf),
            answers: signers.map((id) => answers.get(id) as Uint8Array),
          }),
        ),
      )
      const fair = (culprits: readonly PartyId[], code: string): void =>
        promise(
          culprits.every((id) => id === ATTACKER),
          `${code} names ${culprits.join()}`,
        )
      fair(assembled.culprits, assembled.code)
      if (assembled.code !== '') return assembled.culprits.length > 0 ? `${assembled.code} proven` : assembled.code
      const words = assembled.outcomes.map((outcome, b) => {
        fair(outcome.culprits, outcome.code)
        if (outcome.type === OUTCOME_TYPES.refused) {
          promise(
            outcome.refusals.every(({ by }) => by === ATTACKER),
            'a refusal in the name of somebody else',
          )
          return 'refused'
        }
        if (outcome.type === OUTCOME_TYPES.failed) return outcome.culprits.length > 0 ? `${outcome.code} proven` : outcome.code
        const { publicKey, input: message } = items[b] as PublicItem
        const verification = {
          scheme,
          publicKey: scheme === 'schnorr-secp256k1' ? publicKey.slice(1) : publicKey,
          input: message,
          signature: outcome.signature,
          yParity: outcome.recovery & 1,
        }
        promise(verifySignature(nativeCurves, verification), 'a released signature does not verify')
        promise(verifySignature(nobleCurves, verification), 'a released signature does not verify with noble')
        return 'signed'
      })
      return words.join()
    },
  }
}
