import { withoutEphemeral } from '../protocol/channel/full-channel.ts'
import { SUITES } from '../protocol/channel/setup.ts'
import type { Curves } from '../protocol/curve/curves.ts'
import { assemble as assembleDkls } from '../protocol/dkls23/assemble.ts'
import { Fault } from '../protocol/engine/fault.ts'
import { assemble as assembleFrost } from '../protocol/frost/assemble.ts'
import { FROST_BIP340, FROST_ED25519 } from '../protocol/frost/suite.ts'
import { assemble as assembleHm } from '../protocol/hm/assemble.ts'
import { SCHEMES, type Scheme } from '../protocol/request/document.ts'
import type { Outcome } from '../protocol/signing/batch.ts'
import { ASSEMBLE, ASSEMBLED, type AssembleCommand, OUTCOME_TYPES } from './assembler-commands.ts'

/**
 * The coordinator's worker actor: combines the shares of a batch and verifies every signature before it leaves. Holds no
 * secret; it is a thread of its own because verification is the coordinator's only CPU work (decisions.md 24).
 */
export class AssemblerActor {
  readonly #curves: Curves
  readonly #elapsed: () => number
  /** Milliseconds that verifying has taken in this call. */
  #verifying = 0

  /** @param elapsed milliseconds, as in `Timers`: for the times it reports, which decide nothing. */
  constructor(curves: Curves, elapsed: () => number = () => 0) {
    this.#elapsed = elapsed
    this.#curves = this.#timed(curves)
  }

  call(bytes: Uint8Array): Uint8Array {
    const started = this.#elapsed()
    this.#verifying = 0
    const command = ASSEMBLE.decode(bytes)
    const spent = () => ({
      combine: microseconds(this.#elapsed() - started - this.#verifying),
      verify: microseconds(this.#verifying),
    })
    try {
      const outcomes = this.#assemble(command).map(plainOutcome)
      return ASSEMBLED.encode({ code: '', culprits: [], spent: spent(), outcomes })
    } catch (error) {
      if (error instanceof Fault)
        return ASSEMBLED.encode({ code: error.code, culprits: error.culprits, spent: spent(), outcomes: [] })
      throw error
    }
  }

  /** The same curves, whose verifications of a signature are counted. */
  #timed(curves: Curves): Curves {
    const timed = (verify: Curves['ecdsaVerify']): Curves['ecdsaVerify'] => {
      return (signature, input, publicKey) => {
        const started = this.#elapsed()
        const verdict = verify(signature, input, publicKey)
        this.#verifying += this.#elapsed() - started
        return verdict
      }
    }
    return {
      ...curves,
      ecdsaVerify: timed(curves.ecdsaVerify),
      ecdsaP256Verify: timed(curves.ecdsaP256Verify),
      schnorrVerify: timed(curves.schnorrVerify),
      ed25519Verify: timed(curves.ed25519Verify),
    }
  }

  #assemble(command: AssembleCommand): readonly Outcome[] {
    const scheme = SCHEMES.find((s) => s === command.scheme) as Scheme
    const { sessionId, signers, threshold, items } = command
    const bySigner = (list: readonly Uint8Array[]) => new Map(signers.map((id, i) => [id, list[i] as Uint8Array]))
    const shared = {
      sessionId,
      signers,
      threshold,
      items,
      curves: this.#curves,
      openings: bySigner(command.openings),
      answers: bySigner(command.answers),
    }
    if (command.engine === 'hm') {
      return assembleHm({ ...shared, suite: SUITES[scheme], kids: command.kids, tickets: command.tickets })
    }
    if (command.engine === 'dkls23') {
      const openings = new Map([...shared.openings].map(([id, body]) => [id, withoutEphemeral(body)]))
      return assembleDkls({ ...shared, openings, suite: SUITES[scheme] })
    }
    const suite = scheme === 'eddsa-ed25519' ? FROST_ED25519 : FROST_BIP340
    return assembleFrost({
      ...shared,
      suite,
      suiteNumber: SUITES[scheme],
      verifyingShares: items.map((i) => bySigner(i.verifyingShares)),
    })
  }
}

const microseconds = (ms: number): number => Math.max(0, Math.round(1000 * ms))

const plainOutcome = (o: Outcome) => ({
  type: OUTCOME_TYPES[o.type],
  signature: o.type === 'signed' ? o.signature : new Uint8Array(0),
  recovery: o.type === 'signed' ? (o.recovery ?? 0) : 0,
  code: o.type === 'failed' ? o.code : '',
  culprits: o.type === 'failed' ? o.culprits : [],
  refusals: o.type === 'refused' ? [...o.by].map(([by, why]) => ({ by, why })) : [],
})
