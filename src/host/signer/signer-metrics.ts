import type { Command } from '../../actors/crypto-commands.ts'
import { PAIR_STATES, REPLY_TYPES, type Reply } from '../../protocol/frames/signer-frames.ts'
import { type Metrics, STAGE_BUCKETS } from '../metrics.ts'

/**
 * What the time of a command goes to: looking up what the worker needs, waiting for it, its work, the marks of a check on secrets that
 * outlive the session (on the disk before the worker is asked, and off it after), the ledger's write. `total` is from the frame to the
 * answer.
 */
export type SignerStage = 'lookup' | 'wait' | 'work' | 'mark' | 'unmark' | 'ledger' | 'total'

/** What a signer counts. Label values come from fixed lists. */
export interface SignerMetrics {
  readonly reply: (reply: Reply) => void
  readonly judged: (items: number, refusals: readonly string[]) => void
  readonly stage: (command: Command, stage: SignerStage, ms: number) => void
  readonly sessions: (open: number) => void
  readonly banned: (code: string) => void
  readonly struck: (code: string) => void
  readonly burnt: () => void
  /** Of PAIR_STATES, one per peer. */
  readonly pairs: (states: readonly number[]) => void
}

const TYPE_NAMES = new Map<number, string>(Object.entries(REPLY_TYPES).map(([name, number]) => [number, name]))

export function signerMetrics(metrics: Metrics): SignerMetrics {
  const replies = metrics.counter('signer_replies_total', 'Replies to the coordinator', ['type', 'code'])
  const items = metrics.counter('signer_items_total', 'Items of signing batches by verdict', ['verdict'])
  const stages = metrics.histogram(
    'signer_stage_seconds',
    'Where the time of a command of the coordinator goes',
    ['command', 'stage'],
    STAGE_BUCKETS,
  )
  const open = metrics.gauge('signer_sessions_open', 'Open protocol sessions')
  const bans = metrics.counter('signer_bans_total', 'Peers banned, by the fault that did it', ['code'])
  const strikes = metrics.counter('signer_strikes_total', 'Strikes against peers, by fault', ['code'])
  const burnt = metrics.counter('signer_pairs_burnt_total', 'Set-ups given up because this host ended during a check', [])
  const pairs = metrics.gauge('signer_pairs', 'Peers by the state of the DKLs23 set-up with them', ['state'])
  return {
    reply: (reply) => replies.inc({ type: TYPE_NAMES.get(reply.type) ?? 'unknown', code: reply.code }),
    judged: (count, refusals) => {
      items.inc({ verdict: 'accepted' }, count - refusals.length)
      for (const refusal of refusals) items.inc({ verdict: refusal })
    },
    stage: (command, stage, ms) => stages.observe({ command, stage }, ms / 1000),
    sessions: (count) => open.set(count),
    banned: (code) => bans.inc({ code }),
    struck: (code) => strikes.inc({ code }),
    burnt: () => burnt.inc({}),
    pairs: (states) => {
      for (const [state, number] of Object.entries(PAIR_STATES)) pairs.set({ state }, states.filter((s) => s === number).length)
    },
  }
}
