import type { Mutant } from './checks.ts'

/** A check that no test can miss, with the reason why nothing changes without it. */
export interface Redundant {
  readonly file: string
  /** The check as the source has it, white space collapsed. */
  readonly was: string
  readonly why: string
}

export const REDUNDANT: readonly Redundant[] = []

export const reasonFor = (list: readonly Redundant[], path: string, mutant: Pick<Mutant, 'was'>): string | undefined =>
  list.find(({ file, was }) => path === `src/protocol/${file}` && was === mutant.was)?.why
