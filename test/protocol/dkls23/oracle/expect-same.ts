import { expect } from 'vitest'
import { assemble } from '../../../../src/protocol/dkls23/assemble.ts'
import type { Outcome } from '../../../../src/protocol/signing/batch.ts'
import { nativeCurves } from '../../../simulator/world.ts'
import { inboxesOf, publicItems, signerTape, signingScript } from './as-production.ts'
import { feed } from './drive.ts'
import type { Transcript } from './run.ts'
import { answerBody, type Extend, multiplyBody, openingBody, type Session, type SignerInput } from './signing.ts'

/** What production's assembler makes of the oracle's messages; `own` are answers in place of the oracle's. */
export const assembled = (
  session: Session,
  run: Transcript,
  own: ReadonlyMap<number, Uint8Array> = new Map(),
): readonly Outcome[] =>
  assemble({
    sessionId: session.sessionId,
    suite: session.suite,
    signers: session.signers,
    threshold: session.threshold,
    items: publicItems(session),
    openings: new Map([...run.extend].map(([id, to]) => [id, openingBody([...to.values()][0] as Extend)])),
    answers: new Map([...run.answers].map(([id, answer]) => [id, own.get(id) ?? answerBody(answer)])),
    curves: nativeCurves,
  })

/** Each signer of production among the oracle's others: what it sends is what the oracle sends in its place. */
export function expectSame(session: Session, inputs: ReadonlyMap<number, SignerInput>, run: Transcript): void {
  for (const [id, input] of inputs) {
    const rng = signerTape(input)
    const { exchanges, result } = feed(signingScript(session, input, rng), inboxesOf(run, id))
    const [extend, multiply, answer] = exchanges
    for (const [to, m] of run.extend.get(id) ?? []) {
      expect(extend?.broadcast).toEqual(openingBody(m))
      expect(extend?.direct?.get(to)).toEqual(m.rvole)
    }
    for (const [to, m] of run.multiply.get(id) ?? []) expect(multiply?.direct?.get(to)).toEqual(multiplyBody(m))
    expect(answer?.assembler).toEqual(answerBody(run.answers.get(id) as NonNullable<ReturnType<typeof run.answers.get>>))
    expect(result).toEqual({ present: run.present })
    expect(rng.rest()).toBe(0)
  }
  const outcomes = assembled(session, run)
  run.present.forEach((b, k) => {
    const { bytes, recovery } = run.signatures[k] as (typeof run.signatures)[0]
    expect(outcomes[b]).toEqual({ type: 'signed', signature: bytes, recovery })
  })
}
