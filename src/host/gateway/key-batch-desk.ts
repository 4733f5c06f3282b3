import { utf8ToBytes } from '@noble/hashes/utils.js'
import { toHex } from '../../protocol/engine/bytes.ts'
import { TAGS } from '../../protocol/engine/tags.ts'
import { TH } from '../../protocol/engine/transcript.ts'
import { formatKeyId } from '../../protocol/request/ids.ts'
import type { KeyView } from '../api/coordinator-service.ts'
import { ApiProblem, type ProblemCode, type ProblemFields } from '../api/problem.ts'
import type { BatchRemembered, GatewayRequest, GatewayStore } from '../store/gateway-store.ts'
import type { GroupCommit } from '../store/group-commit.ts'
import type { EndedItem, KeyBatchRow, NewKeyBatch } from '../store/key-batches.ts'
import { StoreError } from '../store/store-error.ts'
import type { ItemWish, KeyBatch, KeyBatchRunner } from './key-batch-runner.ts'
import type { KeyDirectory } from './key-directory.ts'
import type { Principal } from './principal.ts'

/** So many keys of a kind. */
export interface GroupWish extends ItemWish {
  readonly count: number
}

export interface BatchView {
  readonly row: KeyBatchRow
  /** Keys a second; null when it is not under way, or has just begun. */
  readonly rate: number | null
  /** Items that have ended, in the order in which they did. */
  readonly items: readonly { readonly position: number; readonly end: KeyView | ApiProblem }[]
  /** Where the next page begins; null at the end of those that have ended. */
  readonly next: number | null
}

export interface BatchPage {
  /** The place of the last item seen; 0 for none. */
  readonly after: number
  readonly limit: number
}

export interface KeyBatchDesk {
  /**
   * Takes on a batch, durably, or finds the one that this request id stands for. Its keys are made in the background, also after a restart.
   * @throws ApiProblem request_replayed, overloaded; StoreError
   */
  readonly begin: (principal: Principal, wish: readonly GroupWish[], requestId: string | undefined) => Promise<string>
  /** Waits for its end, `waitMs` at most. @throws ApiProblem not_found, also for batches of others */
  readonly read: (principal: Principal, id: string, waitMs: number, page: BatchPage) => Promise<BatchView>
  /** Goes on with what an earlier process left. */
  readonly resume: () => void
}

/** No new key is begun for a batch an hour after it was asked for: nobody waits for it any more. */
const LIFE_MS = 60 * 60 * 1000
/** Batches under way, of all and of one tenant: their keys are made in turn, so more of them only wait longer. */
const MAX_OPEN = 64
const MAX_OPEN_PER_TENANT = 4

type Caller = Omit<Principal, 'scopes'>
type StoredGroup = readonly [scheme: ItemWish['scheme'], threshold: number, label: string | null, count: number]

const encodeWish = (groups: readonly GroupWish[]): Uint8Array =>
  utf8ToBytes(JSON.stringify(groups.map(({ scheme, threshold, label, count }): StoredGroup => [scheme, threshold, label, count])))

const wishesOf = ({ wish }: KeyBatchRow): readonly ItemWish[] =>
  (JSON.parse(Buffer.from(wish).toString('utf8')) as StoredGroup[]).flatMap(([scheme, threshold, label, count]) =>
    Array.from({ length: count }, () => ({ scheme, threshold, label })),
  )

/** Whose token let it in; it may have expired when the last key is made. */
const principalOf = ({ caller }: KeyBatchRow): Principal => ({ ...(JSON.parse(caller) as Caller), scopes: new Set() })

function problemOf(text: string): ApiProblem {
  const { code, detail, ...fields } = JSON.parse(text) as { code: ProblemCode; detail: string } & ProblemFields
  return new ApiProblem(code, detail, fields)
}

export function createKeyBatchDesk(options: {
  readonly store: GatewayStore
  readonly commits: GroupCommit
  readonly keys: KeyDirectory
  readonly runner: KeyBatchRunner
  readonly now: () => number
  readonly randomBytes: (length: number) => Uint8Array
}): KeyBatchDesk {
  const { store, commits, keys, runner, now, randomBytes } = options
  /** Batches that are being stored, by who sent them under which id; how often, and whose they are. */
  const entering = new Map<string, { readonly tenantId: string; readonly calls: number }>()
  const takeOn = (row: KeyBatchRow): void => {
    let batch: KeyBatch
    try {
      batch = { row, principal: principalOf(row), wishes: wishesOf(row) }
    } catch (error) {
      throw new StoreError('CORRUPT', `the stored batch ${row.id} is damaged: restore a backup`, error)
    }
    runner.add(batch)
  }

  const admit = (tenantId: string): void => {
    const own = [...entering.values()].filter((batch) => batch.tenantId === tenantId).length
    if (runner.batches + entering.size < MAX_OPEN && runner.batchesOf(tenantId) + own < MAX_OPEN_PER_TENANT) return
    throw new ApiProblem('overloaded', 'too many batches of keys are under way', { retryAfterMs: 5000 })
  }

  const remember = async ({ id, tenantId }: Principal, request: GatewayRequest, batch: NewKeyBatch): Promise<BatchRemembered> => {
    const name = JSON.stringify([id, request.requestId])
    const calls = entering.get(name)?.calls ?? 0
    if (calls === 0 && store.batches.byRequest(id, request.requestId) === undefined) admit(tenantId)
    entering.set(name, { tenantId, calls: calls + 1 })
    try {
      return await commits.commit(() => store.rememberBatch(request, batch))
    } finally {
      const left = (entering.get(name)?.calls ?? 1) - 1
      if (left === 0) entering.delete(name)
      else entering.set(name, { tenantId, calls: left })
    }
  }

  const endOf = (tenantId: string, { keyId, problem }: EndedItem): KeyView | ApiProblem =>
    keyId === null ? problemOf(problem ?? '') : keys.get(tenantId, formatKeyId(keyId)).view

  return {
    begin: async (principal, groups, wanted) => {
      const requestId = wanted ?? `req_${toHex(randomBytes(16))}`
      const { scopes: _, ...caller } = principal
      const wish = encodeWish(groups)
      const createdAt = now()
      const row = {
        id: `op_${toHex(randomBytes(16))}`,
        principal: principal.id,
        caller: JSON.stringify(caller satisfies Caller),
        requestId,
        wish,
        total: groups.reduce((total, { count }) => total + count, 0),
        createdAt,
        expiresAt: createdAt + LIFE_MS,
      }
      const nothing = new Uint8Array(0)
      const request = {
        principal: principal.id,
        requestId,
        bodyHash: TH(TAGS.gatewayBody, wish),
        document: nothing,
        authorization: nothing,
        signatureId: null,
        createdAt,
        expiresAt: row.expiresAt,
      }
      const remembered = await remember(principal, request, row)
      if (remembered.type === 'conflict') {
        throw new ApiProblem('request_replayed', 'this request id stands for another request', { requestId })
      }
      takeOn(remembered.batch)
      return remembered.batch.id
    },

    read: async (principal, id, waitMs, { after, limit }) => {
      const known = store.batches.get(id)
      if (known?.principal !== principal.id) throw new ApiProblem('not_found', 'no batch of yours has this id')
      await runner.ended(known.number, waitMs)
      const progress = runner.progress(known.number)
      const row = progress?.row ?? (store.batches.get(id) as KeyBatchRow)
      const found = store.batches.ended(row.number, after, limit + 1)
      const shown = found.slice(0, limit)
      return {
        row,
        rate: progress?.rate ?? null,
        items: shown.map((item) => ({ position: item.position, end: endOf(principal.tenantId, item) })),
        next: found.length > limit ? (shown.at(-1)?.place ?? after) : null,
      }
    },

    resume: () => {
      for (const row of store.batches.open()) takeOn(row)
    },
  }
}
