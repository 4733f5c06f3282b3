import type { HttpBindings } from '@hono/node-server'
import type { Ticket } from './admission.ts'
import type { ApiProblem } from './problem.ts'

/** What every handler of coordinator and gateway finds in its context. */
export interface HttpEnv {
  Bindings: Partial<HttpBindings>
  Variables: {
    /** Names this HTTP exchange in the log and in `X-Request-Id`; a random UUID. */
    exchangeId: string
    /** Of calls under /api; the others are not counted. */
    ticket: Ticket | undefined
    /** Length of the body that was read, 0 before; for charging by size. */
    bodyBytes: number | undefined
    /** Logs what the answer does not say. */
    report: (problem: ApiProblem) => void
    /** For the access log: a configured client's or principal's name. */
    caller: string | undefined
  }
}
