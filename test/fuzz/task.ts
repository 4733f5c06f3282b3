import type { Report } from './campaign.ts'
import type { TargetName } from './targets.ts'

/** What a fuzzing thread is to do with one target. */
export interface Task {
  /** A name, or the URL of a module like those of targets/. */
  readonly target: TargetName | URL
  /** Run first, in this order. */
  readonly inputs: readonly Uint8Array[]
  /** How many of them, from the beginning, are the target's seeds: its `reaches` is judged by them. */
  readonly seeds?: number
  readonly seed: string
  /** No further batch after so many milliseconds or mutants, whichever comes first. 0: only the inputs given. */
  readonly ms: number
  readonly executions: number
  /** Bytes of the corpus that comes back, reduced to what reaches something; undefined: all of it. */
  readonly distillTo?: number
}

/** A target's URL goes to the thread as text. */
export type ThreadTask = Omit<Task, 'target'> & { readonly target: string }

export type ThreadAnswer = { readonly report: Report } | { readonly error: string }

/** Shared with the watchdog: number of the running input (0: none runs), its length, its bytes. */
export const HEADER_WORDS = 2
export const MAX_SHARED_INPUT = 1 << 20
export const SHARED_BYTES = HEADER_WORDS * 4 + MAX_SHARED_INPUT
