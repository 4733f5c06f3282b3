import { SetupError } from '../protocol/engine/fault.ts'
import { REPLY_TYPES } from '../protocol/frames/signer-frames.ts'
import { RequestError } from '../protocol/request/request-error.ts'
import { type Answer, MAX_DETAIL } from './crypto-commands.ts'
import { withReply } from './live-session.ts'
import { UnopenedPair } from './pair-secrets.ts'
import { Refused } from './signing-intake.ts'

/** A refusal from before the session exists, as data; its words stay in our log. @throws whatever else it is: a bug of ours */
export function refusedAnswer(error: unknown): Answer {
  if (error instanceof Refused) return withReply({ type: REPLY_TYPES.refused, code: error.refusal })
  if (!(error instanceof SetupError || error instanceof RequestError)) throw error
  return {
    ...withReply({ type: REPLY_TYPES.refused, code: error.code }),
    detail: error.message.slice(0, MAX_DETAIL),
    unopened: error instanceof UnopenedPair ? error.pair : null,
  }
}
