import type { Answer, Extend, Multiply, Products, Results, Session, Signature, SignerInput } from './signing.ts'
import { assemble, presentOf, Signer } from './signing.ts'

/** Everything that honest signers send, and what becomes of it. */
export interface Transcript {
  /** By sender, by receiver. */
  readonly extend: ReadonlyMap<number, ReadonlyMap<number, Extend>>
  readonly multiply: ReadonlyMap<number, ReadonlyMap<number, Multiply>>
  readonly answers: ReadonlyMap<number, Answer>
  readonly present: readonly number[]
  readonly signatures: readonly Signature[]
  /** What stays with a signer, by signer, by peer. */
  readonly b: ReadonlyMap<number, ReadonlyMap<number, readonly bigint[]>>
  readonly products: ReadonlyMap<number, ReadonlyMap<number, Products>>
  readonly results: ReadonlyMap<number, ReadonlyMap<number, Results>>
}

/** Turns "by sender, by receiver" into what one receiver has got, by sender. */
export const inboxOf = <T>(sent: ReadonlyMap<number, ReadonlyMap<number, T>>, receiver: number): ReadonlyMap<number, T> =>
  new Map([...sent].flatMap(([from, to]) => (to.has(receiver) ? [[from, to.get(receiver) as T]] : [])))

export function runSigning(session: Session, inputs: ReadonlyMap<number, SignerInput>): Transcript {
  const signers = new Map([...inputs].map(([id, input]) => [id, new Signer(session, input)]))
  const each = <T>(step: (signer: Signer, id: number) => T): ReadonlyMap<number, T> =>
    new Map([...signers].map(([id, signer]) => [id, step(signer, id)]))
  const extend = each((signer) => signer.extend())
  const multiply = each((signer, id) => signer.multiply(inboxOf(extend, id)))
  const answers = each((signer, id) => signer.answer(inboxOf(multiply, id)))
  const present = presentOf([...extend.values()].map((sent) => ([...sent.values()][0] as Extend).status))
  return {
    extend,
    multiply,
    answers,
    present,
    signatures: assemble(session, present, answers),
    b: each(({ b }) => b),
    products: each(({ products }) => products),
    results: each(({ results }) => results),
  }
}
