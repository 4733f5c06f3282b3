import { type Progress, Session, type SessionOptions } from '../protocol/channel/session.ts'
import type { Fault } from '../protocol/engine/fault.ts'
import type { PartyId } from '../protocol/engine/party.ts'
import { REPLY_TYPES } from '../protocol/frames/signer-frames.ts'
import { type Answer, emptyAnswer, MAX_DETAIL, type Reply } from './crypto-commands.ts'

/** What a kind of session adds to the answers of its run. */
export interface SessionHooks<Result, Commit> {
  /** What the main thread must store before the envelopes of this step leave. */
  readonly onCommit: (commit: Commit) => Partial<Answer>
  readonly onDone: (result: Result) => Partial<Omit<Answer, 'reply'>> & { readonly reply?: Partial<Reply> }
  /** What a fault means beyond this session, and what the wire says instead of it. @param evidence digest of what each culprit sent */
  readonly onFault?: (
    fault: Fault,
    evidence: ReadonlyMap<PartyId, Uint8Array>,
  ) => Partial<Omit<Answer, 'reply'>> & { readonly reply?: Partial<Reply> }
  /** Runs once, however the session ends. */
  readonly onEnd: () => void
}

/** Bytes. Broadcasts of peers: large ones must not make an honest signer's reply too long to be sent. */
const MAX_EXHIBITS = 1 << 20

interface LiveOptions<Result, Commit> extends SessionOptions<Result, Commit> {
  readonly deadline: number
  readonly hooks: SessionHooks<Result, Commit>
  /** Peers' messages are looked at only when the main thread has marked the session as being checked (protocols.md 7.3). */
  readonly needsMark?: boolean
}

export const withReply = (reply: Partial<Reply>): Answer => {
  const answer = emptyAnswer()
  return { ...answer, reply: { ...answer.reply, ...reply } }
}

/**
 * One session as the crypto actor keeps it: protocol session, hooks, and the replies already given. Round r is answered once;
 * the same frame again gets the same bytes and never a second computation (decisions.md 16).
 */
export class LiveSession {
  readonly deadline: number
  readonly #start: () => Answer
  readonly #receive: (round: number, envelopes: readonly Uint8Array[], marked: boolean) => Answer
  readonly #end: () => void
  readonly #ended: () => boolean
  readonly #replies: ReadonlyMap<number, Answer>

  private constructor(
    deadline: number,
    start: () => Answer,
    receive: LiveSession['receive'],
    end: () => void,
    ended: () => boolean,
    replies: ReadonlyMap<number, Answer>,
  ) {
    this.deadline = deadline
    this.#ended = ended
    this.#replies = replies
    this.#start = start
    this.#receive = receive
    this.#end = end
  }

  static open<Result, Commit>(options: LiveOptions<Result, Commit>): LiveSession {
    const { hooks, deadline, needsMark } = options
    // Until the end: a session kept for its replies must not keep its messages too (even a finished generator holds its
    // arguments, so nothing below may close over `options`).
    let running: { readonly session: Session<Result, Commit>; readonly hooks: typeof hooks } | undefined = {
      session: new Session<Result, Commit>(options),
      hooks,
    }
    /** Replies by the round whose messages they answer; one per round of the script, which are megabytes: of an ended one only the last. */
    const replies = new Map<number, Answer>()
    const end = (): void => {
      const ending = running
      running = undefined
      ending?.session.stop()
      ending?.hooks.onEnd()
    }
    const answerTo = (step: (session: Session<Result, Commit>) => Progress<Result, Commit>): Answer => {
      if (running === undefined) return withReply({ type: REPLY_TYPES.failed, code: 'STOPPED' })
      try {
        const progress = step(running.session)
        const answer = progressAnswer(progress, running.hooks)
        if (progress.end !== undefined) end()
        return answer
      } catch (error) {
        // What this step wanted stored is lost with it: a session that went on would act as if it had been.
        end()
        throw error
      }
    }
    return new LiveSession(
      deadline,
      () => answerTo((session) => session.start()),
      (round, envelopes, marked) => {
        const given = replies.get(round)
        if (given !== undefined) return given
        if (running?.session.round !== round || (needsMark === true && !marked))
          return withReply({ type: REPLY_TYPES.failed, code: 'STOPPED' })
        const answer = answerTo((session) => session.receive(envelopes))
        // Whole, with what has to be stored: storing is idempotent, and a repeated frame must not find a way round a store
        // that failed or refused the first time.
        if (running === undefined) replies.clear()
        if (running?.session.round !== round) replies.set(round, answer)
        return answer
      },
      end,
      () => running === undefined,
      replies,
    )
  }

  get bytes(): number {
    const replies = [...this.#replies.values()].flatMap(({ reply }) => [...reply.envelopes, ...reply.exhibits, reply.result])
    return replies.reduce((sum, part) => sum + part.length, 0)
  }

  get ended(): boolean {
    return this.#ended()
  }

  start(): Answer {
    return this.#start()
  }

  /**
   * @param round the round whose messages `envelopes` are.
   * @param marked the session is written down as being checked.
   */
  receive(round: number, envelopes: readonly Uint8Array[], marked = false): Answer {
    return this.#receive(round, envelopes, marked)
  }

  end(): void {
    this.#end()
  }
}

function progressAnswer<Result, Commit>(progress: Progress<Result, Commit>, hooks: SessionHooks<Result, Commit>): Answer {
  let answer = withReply({ type: REPLY_TYPES.sent, envelopes: progress.outgoing })
  for (const commit of progress.commits) answer = { ...answer, ...hooks.onCommit(commit) }
  const end = progress.end
  if (end?.type === 'failed') {
    const { code, culprits, detail } = end.fault
    const exhibits = end.exhibits.reduce((sum, e) => sum + e.length, 0) <= MAX_EXHIBITS ? end.exhibits : []
    const { reply: said, ...effects } = hooks.onFault?.(end.fault, end.evidence) ?? {}
    const reply = { ...answer.reply, type: REPLY_TYPES.failed, code, culprits, exhibits, ...said }
    return { ...answer, ...effects, reply, detail: detail.slice(0, MAX_DETAIL) }
  }
  if (end?.type === 'done') {
    const { reply, ...rest } = hooks.onDone(end.result)
    return { ...answer, ...rest, reply: { ...answer.reply, type: REPLY_TYPES.done, ...reply } }
  }
  return answer
}
