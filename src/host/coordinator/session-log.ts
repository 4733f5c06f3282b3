import type { SessionReport } from '../../actors/signing-scheduler.ts'
import type { ItemEnd } from '../../actors/signing-session.ts'
import { toHex } from '../../protocol/engine/bytes.ts'
import type { PartyId } from '../../protocol/engine/party.ts'
import { formatTime } from '../../protocol/request/time.ts'
import type { SessionItemView, SessionView } from '../api/coordinator-service.ts'
import { signatureIdOf } from '../api/signature-id.ts'
import type { SignerNames } from './signer-names.ts'

/** Sessions remembered, oldest out; their items together, so that full batches do not cost sixteen times as much. */
const MAX_SESSIONS = 4096
const MAX_ITEMS = 65_536
const REQUEST_HASH = 32

interface Logged {
  readonly view: Omit<SessionView, 'items'>
  readonly items: readonly { readonly owner: string; readonly view: SessionItemView }[]
}

/** The last signing sessions, for users who want to know what became of theirs. RAM only: nothing depends on it. */
export class SessionLog {
  readonly #names: SignerNames
  readonly #sessions = new Map<string, Logged>()
  /** The last session of each signature, by owner: two credentials may send the same document. */
  readonly #bySignature = new Map<string, string>()
  #items = 0

  constructor(names: SignerNames) {
    this.#names = names
  }

  get size(): { readonly sessions: number; readonly items: number } {
    return { sessions: this.#sessions.size, items: this.#items }
  }

  /** @param endedAt milliseconds since the Unix epoch. */
  add({ engine, scheme, signers, items, ms, end }: SessionReport, endedAt: number): void {
    const id = `ses_${toHex(end.sessionId)}`
    const failed = end.type === 'failed' ? end : undefined
    const logged = items.map(({ instance, requestId, request }, i) => ({
      owner: request.credentialId,
      view: {
        requestId,
        // An instance ends in its request's hash (protocol/request/instance.ts).
        signatureId: signatureIdOf(instance.subarray(-REQUEST_HASH)),
        ...(end.type === 'done' ? outcomeOf(end.items[i]) : { outcome: 'failed' as const, code: end.code }),
      },
    }))
    this.#sessions.set(id, {
      view: {
        id,
        engine,
        scheme,
        state: end.type,
        code: failed?.code ?? null,
        signers: this.#names.of(signers),
        missing: this.#names.of(failed?.missing ?? []),
        culprits: this.#names.of(culpritsOf(end)),
        startedAt: formatTime(Math.floor(endedAt - ms)),
        endedAt: formatTime(Math.floor(endedAt)),
      },
      items: logged,
    })
    for (const { owner, view } of logged) this.#bySignature.set(nameOf(owner, view.signatureId), id)
    this.#items += logged.length
    while (this.#sessions.size > MAX_SESSIONS || this.#items > MAX_ITEMS) this.#forgetOldest()
  }

  /** With those items only whose credential the caller may see; undefined when none of them is. */
  find(id: string, owners: readonly string[]): SessionView | undefined {
    const found = this.#sessions.get(id)
    const items = found?.items.filter(({ owner }) => owners.includes(owner)).map(({ view }) => view) ?? []
    return found === undefined || items.length === 0 ? undefined : { ...found.view, items }
  }

  /** The last session that this signature was tried in for one of these credentials, while it is remembered. */
  idOf(signatureId: string, owners: readonly string[]): string | undefined {
    for (const owner of owners) {
      const id = this.#bySignature.get(nameOf(owner, signatureId))
      if (id !== undefined) return id
    }
    return undefined
  }

  #forgetOldest(): void {
    const [id, { items }] = this.#sessions.entries().next().value as [string, Logged]
    this.#sessions.delete(id)
    this.#items -= items.length
    for (const { owner, view } of items) {
      const name = nameOf(owner, view.signatureId)
      if (this.#bySignature.get(name) === id) this.#bySignature.delete(name)
    }
  }
}

const nameOf = (owner: string, signatureId: string): string => `${signatureId} ${owner}`

function outcomeOf(end: ItemEnd | undefined): Pick<SessionItemView, 'outcome' | 'code'> {
  if (end?.type === 'signed') return { outcome: 'signed', code: null }
  if (end?.type === 'refused') return { outcome: 'refused', code: [...end.by.values()][0] ?? null }
  return { outcome: 'failed', code: end?.code ?? null }
}

const culpritsOf = (end: SessionReport['end']): readonly PartyId[] =>
  end.type === 'failed'
    ? end.culprits
    : [...new Set(end.items.flatMap((item) => (item.type === 'failed' ? item.culprits : [])))].sort((a, b) => a - b)
