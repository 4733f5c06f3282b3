/** A check that can be taken out without a failing test, because another one refuses the same; `why` says which. */
export interface Redundant {
  readonly path: string
  readonly check: string
  readonly why: string
}

export const REDUNDANT: readonly Redundant[] = []
