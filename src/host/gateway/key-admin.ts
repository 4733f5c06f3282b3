import { z } from '@hono/zod-openapi'
import type { Roster } from '../../protocol/channel/roster.ts'
import type { Curves } from '../../protocol/curve/curves.ts'
import { equalBytes, fromHex } from '../../protocol/engine/bytes.ts'
import { requestHash } from '../../protocol/request/authorize.ts'
import { type KeyUpdateDocument, MAX_REVISION, parseDocument, type Usage } from '../../protocol/request/document.ts'
import { receiptsOfAll } from '../../protocol/request/key-update.ts'
import type { KeyAction, KeyView } from '../api/coordinator-service.ts'
import { assertMatch } from '../api/entity-tag.ts'
import { ApiProblem } from '../api/problem.ts'
import { toProblem } from '../api/to-problem.ts'
import type { CoordinatorClient } from './coordinator-client.ts'
import type { CertifiedKey, KeyDirectory } from './key-directory.ts'
import { KeyTurns } from './key-turns.ts'
import type { Principal } from './principal.ts'
import type { BookedRequest, RequestBook } from './request-book.ts'

/** What a user wants changed about a key. */
export type KeyChange = {
  /** `key_…` */
  readonly keyId: string
  readonly requestId: string | undefined
  /** Header of the call. */
  readonly ifMatch: string | undefined
} & ({ readonly action: 'label'; readonly label: string | null } | { readonly action: Exclude<KeyAction, 'label'> })

/** Has a key changed. @throws ApiProblem, RequestError, StoreError */
export type ChangeKey = (
  principal: Principal,
  change: KeyChange,
) => Promise<{ readonly key: KeyView; readonly requestId: string }>

/** A disk commit at every signer, with room for one that is slow. */
const TIMEOUT_MS = 15_000
const USAGE_OF: Readonly<Record<Exclude<KeyAction, 'label'>, Usage>> = {
  freeze: 'frozen',
  unfreeze: 'active',
  archive: 'archived',
}

const Answer = z.object({ receipts: z.array(z.string().regex(/^0x[0-9a-f]{128}$/)).max(16) })

export function createKeyAdmin(options: {
  readonly coordinator: CoordinatorClient
  readonly book: RequestBook
  readonly keys: KeyDirectory
  readonly roster: Roster
  readonly curves: Curves
}): ChangeKey {
  const { coordinator, book, keys, roster, curves } = options
  const turns = new KeyTurns()

  /** The document that this request id stands for already, whose bytes are then sent again, or a new one. */
  const prepare = async (principal: Principal, key: CertifiedKey, change: KeyChange): Promise<BookedRequest> => {
    const known = change.requestId === undefined ? undefined : book.find(principal, change.requestId)
    if (known !== undefined) {
      const document = parseDocument(known.row.document) as KeyUpdateDocument
      if (!saysSame(document, key, change)) {
        throw new ApiProblem('request_replayed', 'this request id stands for another request', { requestId: known.requestId })
      }
      // Not sent again: its receipts are good for ever, and whoever brings them once more would make an old freeze look like the key's state.
      if (document.revision < key.view.revision) {
        throw new ApiProblem('revision_conflict', 'the key has had a later change', { requestId: known.requestId })
      }
      return known
    }
    // Not for a repetition: that comes with the tag it was first sent with, which its own success has made stale.
    assertMatch(change.ifMatch, key.view, change.action === 'label')
    const { revision, label } = key.view
    // What an unsettled key's state is, only a call that states one may say: a label that repeats a guess could undo a freeze.
    if (change.action === 'label' && !key.view.settled) {
      throw new ApiProblem('revision_conflict', 'a change of this key is not settled: freeze or unfreeze it, then label it')
    }
    if (revision >= MAX_REVISION) throw new ApiProblem('revision_conflict', 'the key has had its last revision')
    const wish = {
      type: 'key-update.v1' as const,
      keyId: key.keyId,
      scheme: key.scheme,
      revision: revision + 1,
      // The whole state: what this call is not about stays as we know it.
      state: change.action === 'label' ? key.usage : USAGE_OF[change.action],
      label: change.action === 'label' ? change.label : label,
    }
    return await book.book(principal, change.requestId, wish, { action: change.action })
  }

  const send = async (change: KeyChange, booked: BookedRequest): Promise<void> => {
    const path = `/api/v1/keys/${change.keyId}`
    const { json } =
      change.action === 'label'
        ? await coordinator.patch(path, booked.body, TIMEOUT_MS)
        : await coordinator.post(`${path}/${change.action}`, booked.body, TIMEOUT_MS)
    const receipts = Answer.safeParse(json).data?.receipts.map((r) => fromHex(r.slice(2))) ?? []
    // The coordinator's word is none: only the signers can say that they have stored it.
    if (!receiptsOfAll(requestHash(booked.row.document), receipts, roster, curves)) {
      throw new ApiProblem('protocol_abort', 'the update came back without the receipts of all signers')
    }
  }

  /** Has it done, and remembers what is known of it now. */
  const settle = async (change: KeyChange, key: CertifiedKey, booked: BookedRequest): Promise<void> => {
    const { revision, state: usage, label } = parseDocument(booked.row.document) as KeyUpdateDocument
    try {
      await send(change, booked)
    } catch (error) {
      const problem = toProblem(error)
      // Some signer may have it, so that this revision cannot be used again.
      if (problem.outcome === 'unknown') keys.change(key.keyId, { revision, usage, label, settled: 0 })
      // The signers are ahead of us (our disk is an older copy): one step towards them with each try, and no further on anybody's word.
      else if (problem.code === 'revision_conflict') {
        keys.change(key.keyId, { revision, usage: key.usage, label: key.view.label, settled: 0 })
      }
      throw problem
    }
    keys.change(key.keyId, { revision, usage, label, settled: 1 })
  }

  const make = async (principal: Principal, change: KeyChange): ReturnType<ChangeKey> => {
    const key = keys.get(principal.tenantId, change.keyId)
    const booked = await prepare(principal, key, change)
    try {
      await settle(change, key, booked)
    } catch (error) {
      // Also when it is our own disk that fails: what is done is done at the signers, and this id is how to hear of it.
      throw toProblem(error).withRequest(booked.requestId)
    }
    return { key: keys.get(principal.tenantId, change.keyId).view, requestId: booked.requestId }
  }

  return async (principal, change) => {
    // Whoever may not change the key does not stand in line for it either.
    keys.get(principal.tenantId, change.keyId)
    return await turns.take(change.keyId, () => make(principal, change))
  }
}

function saysSame(document: KeyUpdateDocument, key: CertifiedKey, change: KeyChange): boolean {
  if (document.type !== 'key-update.v1' || !equalBytes(document.keyId, key.keyId)) return false
  // The state alone does not tell: a label given to a frozen key says `frozen` too, and freezes nothing that was thawed since.
  if (document.metadata?.['action'] !== change.action) return false
  return change.action === 'label' ? document.label === change.label : document.state === USAGE_OF[change.action]
}
