import type { Logger } from 'pino'
import type { EngineChoice } from '../../actors/engine-choice.ts'
import type { PairKeeper } from '../../actors/pair-keeper.ts'
import type { PrssKeeper } from '../../actors/prss-keeper.ts'
import type { SignerLink } from '../../actors/round.ts'
import type { SignerMonitor, SignerState } from '../../actors/signer-monitor.ts'
import type { PartyId } from '../../protocol/engine/party.ts'
import { FRAMES_VERSION } from '../../protocol/frames/signer-frames.ts'
import type { KeyDelivery } from './key-delivery.ts'
import type { KeyUpdates } from './key-updates.ts'
import type { SignerNames } from './signer-names.ts'

export interface UpkeepOptions {
  readonly links: ReadonlyMap<PartyId, SignerLink>
  readonly monitor: Pick<SignerMonitor, 'up'>
  readonly engines: Pick<EngineChoice, 'hmSet'>
  readonly prss: Pick<PrssKeeper, 'ensure'>
  /** Absent: this coordinator does not use DKLs23. */
  readonly pairs?: Pick<PairKeeper, 'tend'>
  readonly delivery: Pick<KeyDelivery, 'settle' | 'rebuild'>
  readonly updates: Pick<KeyUpdates, 'settle'>
  readonly names: SignerNames
  /** Whose signer sets get a PRSS generation before anybody asks. */
  readonly threshold: number
  readonly now: () => number
  readonly log: Logger
}

/** After a rebuild that found signers away, or the one asked unable to answer. */
const REBUILD_AGAIN_MS = 5_000

/** What the coordinator does beside requests, driven by heartbeats: logs who came and went, supplies hm and DKLs23, finishes keys. */
export function upkeep(o: UpkeepOptions): (state: SignerState) => void {
  const { links, monitor, engines, prss, pairs, delivery, updates, names, threshold, log } = o
  const before = new Map<PartyId, string>()
  // At every start, whatever the directory holds: it may be an old copy, or one whose rebuilding a crash cut off, and neither knows
  // what it lacks. Each signer is asked once: one alone could leave out keys.
  const triedAt = new Map<PartyId, number>([...links.keys()].map((id) => [id, Number.NEGATIVE_INFINITY]))

  const rebuild = async (from: SignerLink): Promise<void> => {
    triedAt.delete(from.id)
    try {
      const { found, open } = await delivery.rebuild(from)
      if (open > 0) triedAt.set(from.id, o.now())
      if (found + open > 0) log.info({ found, open, from: names.of([from.id])[0] }, 'key directory rebuilt')
    } catch (err) {
      triedAt.set(from.id, o.now())
      log.warn({ err }, 'rebuilding the key directory failed; trying again')
    }
  }

  return (state) => {
    const { id, up, status, foreign } = state
    const condition = up ? 'signer up' : foreign ? 'signer speaks another version of the protocol' : 'signer down'
    if (before.get(id) !== condition) {
      log[foreign ? 'error' : 'info'](
        { signer: names.of([id])[0], up, version: status?.version, ours: FRAMES_VERSION },
        condition,
      )
    }
    before.set(id, condition)
    if (!up) return
    const hmSet = engines.hmSet(threshold)
    if (hmSet !== null) void prss.ensure(threshold, hmSet)
    pairs?.tend()
    void updates.settle(id)
    void delivery.settle(id, status?.pending ?? [])
    // Either way: a clock that is put back must not put the next try off.
    const due = triedAt.has(id) && Math.abs(o.now() - (triedAt.get(id) ?? 0)) >= REBUILD_AGAIN_MS
    if (due && monitor.up().length >= threshold) {
      void rebuild(links.get(id) as SignerLink)
    }
  }
}
