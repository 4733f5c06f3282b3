import { existsSync, readFileSync } from 'node:fs'
import { z } from 'zod'
import { fromHex, toHex } from '../../protocol/engine/bytes.ts'
import { replaceDurableFile } from './durable-file.ts'
import type { Ban, PairPlace } from './pair-store.ts'
import { asStoreError, StoreError } from './store-error.ts'

/** What a database that was restored from before must not bring back. */
export interface PairMemory {
  /** Set-ups with a lower serial number were given up: their seeds are never used again. */
  readonly floor: number
  /** The ban in force; null when there is none. */
  readonly ban: Ban | null
}

const hex = z.string().regex(/^[0-9a-f]{64}$/)
const FILE = z.strictObject({
  version: z.literal(1),
  pairs: z.array(
    z.strictObject({
      peer: hex,
      roster: hex,
      floor: z.number().int().nonnegative(),
      ban: z.strictObject({ code: z.string().max(40), session: hex, evidence: hex, at: z.number().int() }).nullable(),
    }),
  ),
})

const nameOf = ({ peerKey, rosterHash }: PairPlace): string => `${toHex(peerKey)} ${toHex(rosterHash)}`

/**
 * A small file beside the database, replaced whole with each change. The database has the same facts; this is its witness when only the
 * database comes back from a backup, with seeds that a failed check had ended (attacks.md O-10).
 */
export class BanFile {
  readonly #path: string
  readonly #memory: Map<string, PairMemory>

  /** @throws StoreError CORRUPT, or as the system says. A missing file remembers nothing. */
  constructor(path: string) {
    this.#path = path
    try {
      this.#memory = existsSync(path) ? read(path) : new Map()
    } catch (error) {
      throw asStoreError(error, path)
    }
  }

  of(place: PairPlace): PairMemory {
    return this.#memory.get(nameOf(place)) ?? { floor: 0, ban: null }
  }

  /** Every place that is remembered. */
  places(): readonly PairPlace[] {
    return [...this.#memory.keys()].map((name) => {
      const [peer = '', roster = ''] = name.split(' ')
      return { peerKey: fromHex(peer), rosterHash: fromHex(roster) }
    })
  }

  /** Durable on return. @throws StoreError */
  remember(place: PairPlace, memory: PairMemory): void {
    const before = this.of(place)
    const same = before.ban?.code === memory.ban?.code && before.ban?.bannedAt === memory.ban?.bannedAt
    if (same && before.floor === memory.floor) return
    const next = new Map(this.#memory).set(nameOf(place), memory)
    try {
      replaceDurableFile(this.#path, format(next))
    } catch (error) {
      throw asStoreError(error, this.#path)
    }
    this.#memory.set(nameOf(place), memory)
  }
}

function format(memory: ReadonlyMap<string, PairMemory>): string {
  const pairs = [...memory].map(([name, { floor, ban }]) => {
    const [peer, roster] = name.split(' ')
    const found = ban && { code: ban.code, session: toHex(ban.sessionId), evidence: toHex(ban.evidence), at: ban.bannedAt }
    return { peer, roster, floor, ban: found }
  })
  return `${JSON.stringify({ version: 1, pairs }, null, 2)}\n`
}

function read(path: string): Map<string, PairMemory> {
  const text = readFileSync(path, 'utf8')
  let parsed: ReturnType<typeof FILE.safeParse>
  try {
    parsed = FILE.safeParse(JSON.parse(text))
  } catch {
    throw new StoreError('CORRUPT', `${path} is damaged: restore it from a backup`)
  }
  if (!parsed.success) throw new StoreError('CORRUPT', `${path} is damaged: restore it from a backup`)
  return new Map(
    parsed.data.pairs.map(({ peer, roster, floor, ban }) => [
      `${peer} ${roster}`,
      {
        floor,
        ban: ban && { code: ban.code, sessionId: fromHex(ban.session), evidence: fromHex(ban.evidence), bannedAt: ban.at },
      },
    ]),
  )
}
