import { ApiProblem } from '../api/problem.ts'
import type { SessionJson } from '../api/render.ts'
import { Session } from '../api/schemas.ts'
import type { CoordinatorClient } from './coordinator-client.ts'
import type { Principal } from './principal.ts'
import type { RequestBook } from './request-book.ts'

const CALL_MS = 5_000

export type ReadSession = (principal: Principal, id: string) => Promise<SessionJson>

/**
 * A session as one principal may see it. To the coordinator all users of a gateway are one credential, so the gateway leaves out what others
 * asked for, and gives each request the id that its user chose.
 */
export function createSessionReader({
  coordinator,
  book,
}: {
  readonly coordinator: CoordinatorClient
  readonly book: RequestBook
}): ReadSession {
  return async (principal, id) => {
    const answer = Session.safeParse((await coordinator.get(`/api/v1/sessions/${id}`, CALL_MS)).json)
    if (!answer.success || answer.data.id !== id) {
      throw new ApiProblem('quorum_unavailable', 'coordinator gave no usable answer', {
        cause: new Error('a session of another form'),
      })
    }
    const items = answer.data.items.flatMap((item) => {
      const row = book.bySignature(principal, item.signature_id)
      return row === undefined ? [] : [{ ...item, request_id: row.requestId }]
    })
    if (items.length === 0) throw new ApiProblem('not_found', 'no recent session with a request of yours has this id')
    return { ...answer.data, items }
  }
}
