import type { Exchange, Inbox, Protocol } from '../../src/protocol/engine/round.ts'

/** Where a malicious signer departs from the script; rounds count from 1. */
export interface Twin<Commit> {
  readonly send?: (exchange: Exchange<Commit>, round: number) => Exchange<Commit>
  readonly receive?: (inbox: Inbox, round: number) => Inbox
}

/** The honest script with a malicious hand between it and its channel. Envelopes stay validly signed and encrypted. */
export function* twin<Result, Commit>(script: Protocol<Result, Commit>, hooks: Twin<Commit>): Protocol<Result, Commit> {
  try {
    let step = script.next(new Map())
    for (let round = 1; ; round++) {
      if (step.done === true) return step.value
      const inbox: Inbox = yield hooks.send?.(step.value, round) ?? step.value
      step = script.next(hooks.receive?.(inbox, round) ?? inbox)
    }
  } finally {
    script.return(undefined as never)
  }
}
