import { toHex } from '../protocol/engine/bytes.ts'

/** Sessions open at once on one worker; beyond it a signer refuses (attacks.md F-04: open sessions are capped). */
const MAX_OPEN = 256
/**
 * Bytes that they hold at most: a session holds the messages that it signs, and one of DKLs23 far more than that (thirty of a coordinator's
 * largest batches, twenty of the engine's). A host that runs out of memory dies in the middle of checks, and three such ends ban its peers.
 */
const MAX_OPEN_BYTES = 256 << 20
/** Session ids remembered so that none runs twice; each until its deadline, which a host caps at minutes. About 10 MB. */
const MAX_SEEN = 65_536
/** Ended sessions kept for their last reply, so that a repeated frame gets the same bytes. */
const MAX_ENDED = 512
/** Bytes of these replies: one shows what convicts a peer, which may be as large as that peer made it. */
const MAX_ENDED_BYTES = 64 << 20

/** What a session must be able to do to be kept: be ended. */
export interface Endable {
  readonly deadline: number
  readonly ended: boolean
  /** Bytes of the replies that it keeps. */
  readonly bytes: number
  end(): void
}

/**
 * The sessions of one crypto worker. A session is temporary: it ends once and is never resumed; past its deadline it is
 * ended here, so that abandoned ones give their memory and secrets back (attacks.md T-17).
 */
export class OpenSessions<S extends Endable> {
  readonly #open = new Map<string, { readonly session: S; bytes: number }>()
  #bytes = 0
  readonly #ended = new Map<string, S>()
  #endedBytes = 0
  /** Deadline by id. In order of arrival: an id may be kept longer than its deadline, behind one with a later one, never shorter. */
  readonly #seen = new Map<string, number>()

  get size(): number {
    return this.#open.size
  }

  get ended(): number {
    return this.#ended.size
  }

  get seen(): number {
    return this.#seen.size
  }

  /** Whether this id is new and there is room; remembers it. */
  admit(id: Uint8Array, deadline: number, bytes = 0): 'ok' | 'repeated' | 'full' {
    const name = toHex(id)
    if (this.#seen.has(name)) return 'repeated'
    if (this.#open.size >= MAX_OPEN || this.#seen.size >= MAX_SEEN || this.#bytes + bytes > MAX_OPEN_BYTES) return 'full'
    this.#seen.set(name, deadline)
    return 'ok'
  }

  add(id: Uint8Array, session: S, bytes = 0): void {
    this.#open.set(toHex(id), { session, bytes })
    this.#bytes += bytes
  }

  /**
   * The messages of a frame may stay with an open session until its round is complete, and those of a malicious signer are as long as it
   * likes. @returns false when there is no room for as much: the session had better end
   */
  hold(id: Uint8Array, bytes: number): boolean {
    const open = this.#open.get(toHex(id))
    if (open === undefined) return true
    if (this.#bytes + bytes > MAX_OPEN_BYTES) return false
    open.bytes += bytes
    this.#bytes += bytes
    return true
  }

  get(id: Uint8Array): S | undefined {
    const name = toHex(id)
    return this.#open.get(name)?.session ?? this.#ended.get(name)
  }

  /** To be called after each step: an ended session no longer counts as open. */
  settle(id: Uint8Array): void {
    const name = toHex(id)
    const session = this.#open.get(name)?.session
    if (session === undefined || !session.ended) return
    this.#close(name)
    this.#ended.set(name, session)
    this.#endedBytes += session.bytes
    for (const oldest of this.#ended.keys()) {
      if (this.#ended.size <= MAX_ENDED && this.#endedBytes <= MAX_ENDED_BYTES) break
      this.#forget(oldest)
    }
  }

  /** Ends and forgets a session with the replies it gave; its id stays seen. */
  end(id: Uint8Array): void {
    const name = toHex(id)
    this.#open.get(name)?.session.end()
    this.#close(name)
    this.#forget(name)
  }

  expire(now: number): void {
    for (const [name, { session }] of this.#open) {
      if (session.deadline < now) {
        session.end()
        this.#close(name)
      }
    }
    for (const [name, session] of this.#ended) {
      if (session.deadline >= now) break
      this.#forget(name)
    }
    for (const [name, deadline] of this.#seen) {
      if (deadline >= now) break
      this.#seen.delete(name)
    }
  }

  endAll(): void {
    for (const { session } of this.#open.values()) session.end()
    this.#open.clear()
    this.#ended.clear()
    this.#bytes = 0
    this.#endedBytes = 0
  }

  #forget(name: string): void {
    this.#endedBytes -= this.#ended.get(name)?.bytes ?? 0
    this.#ended.delete(name)
  }

  #close(name: string): void {
    this.#bytes -= this.#open.get(name)?.bytes ?? 0
    this.#open.delete(name)
  }
}
