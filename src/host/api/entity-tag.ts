import type { Context } from 'hono'
import type { KeyView } from './coordinator-service.ts'
import type { HttpEnv } from './http-env.ts'
import { ApiProblem } from './problem.ts'

/** Strong: a key is answered in the same bytes while revision and `settled` are the same. */
export const tagOf = ({ revision, settled, state }: KeyView): string =>
  `"${revision}${settled ? '' : '.open'}${state === 'pending' ? '.pending' : ''}"`

const listed = (header: string): readonly string[] => header.split(',').map((tag) => tag.trim())

/** Whether the caller has this representation already (RFC 9110 13.1.2, weak comparison). */
export function isKnown(c: Context<HttpEnv>, view: KeyView): boolean {
  const header = c.req.header('if-none-match')
  if (header === undefined) return false
  return listed(header).some((tag) => tag === '*' || tag.replace(/^W\//, '') === tagOf(view))
}

const missing = (): ApiProblem =>
  new ApiProblem('malformed_request', 'this call changes what the caller has seen and needs If-Match', {
    errors: [{ pointer: 'header/if-match', reason: 'must be the ETag of the key' }],
  })

/** @throws ApiProblem precondition_failed when the caller has seen another state of the key (RFC 9110 13.1.1, strong comparison) */
export function assertMatch(header: string | undefined, view: KeyView, required: boolean): void {
  if (header === undefined) {
    if (required) throw missing()
    return
  }
  if (listed(header).some((tag) => tag === '*' || tag === tagOf(view))) return
  throw new ApiProblem('precondition_failed', 'the key has changed: read it again')
}
