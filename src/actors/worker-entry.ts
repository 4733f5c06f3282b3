import { isMainThread, type MessagePort, threadId } from 'node:worker_threads'
import { expose, transfer } from 'comlink'

/** What lives in a worker: one object with secrets of its own, many calls. */
export interface WorkerActor {
  /**
   * Answers one message. Synchronous: calls are then handled strictly in the order they were posted (style.md E8). What it
   * throws fails that call alone; the actor goes on.
   */
  call(bytes: Uint8Array): Uint8Array
  /** Wipes what the actor holds. Called once, after the last call. */
  close?(): void
}

/** The task a worker is started with. The port is the only way to it, and closing the port is how it ends. */
export interface WorkerStart {
  readonly port: MessagePort
  readonly data: unknown
}

/** First message of a worker, sent when its actor is ready. */
export interface WorkerReady {
  readonly threadId: number
}

/**
 * Errors travel as data: Comlink keeps three fields of a thrown one (style.md E6). `detail` is for our own log only, `ms` is how long the
 * actor took.
 */
export type CallOutcome = { readonly bytes: Uint8Array; readonly ms: number } | { readonly detail: string }

/** Everything the main thread can reach in a worker. */
interface Exposed {
  call(bytes: Uint8Array): CallOutcome
  close(): void
}

/** From here on moving a buffer is cheaper than cloning it (style.md E9). */
const TRANSFER_BYTES = 65_536

const MAX_DETAIL = 2000

/**
 * Bytes that can be posted: an exact copy, or whatever else lies in the same pool would be cloned along with them
 * (style.md E10; attacks.md C-06).
 */
export function postable(bytes: Uint8Array): { readonly copy: Uint8Array; readonly moved: ArrayBuffer[] } {
  const copy = new Uint8Array(bytes)
  return { copy, moved: copy.length >= TRANSFER_BYTES ? [copy.buffer] : [] }
}

function answer(actor: WorkerActor, bytes: Uint8Array): CallOutcome {
  try {
    const started = performance.now()
    const result: unknown = actor.call(bytes)
    const ms = performance.now() - started
    if (!(result instanceof Uint8Array)) throw new TypeError('a call returns bytes, at once')
    const { copy, moved } = postable(result)
    return transfer({ bytes: copy, ms }, moved)
  } catch (error) {
    return { detail: String(error instanceof Error ? error.stack : error).slice(0, MAX_DETAIL) }
  }
}

/**
 * The default export of a worker's file: makes the actor out of the data it was started with, then serves it until the main
 * thread closes the port. The returned task stays pending for all that time: Piscina stops the event loop of a worker
 * without a task (style.md E1). Loading a curve back end may take `makeActor` a promise; calls may not.
 */
export function serveActor(makeActor: (data: unknown) => WorkerActor | Promise<WorkerActor>) {
  if (isMainThread) throw new Error('a worker file was loaded on the main thread')
  return async ({ port, data }: WorkerStart): Promise<void> => {
    const portClosed = new Promise<void>((resolve) => {
      port.once('close', resolve)
    })
    const actor = await makeActor(data)
    let open = true
    const close = (): void => {
      if (!open) return
      open = false
      actor.close?.()
    }
    // Comlink lets the other side walk and write every property it can reach: two functions, frozen (style.md E7).
    const exposed: Exposed = {
      call: (bytes) => (open ? answer(actor, bytes) : { detail: 'called after the end' }),
      close,
    }
    port.postMessage({ threadId } satisfies WorkerReady)
    expose(Object.freeze(exposed), port)
    await portClosed
    close()
  }
}
