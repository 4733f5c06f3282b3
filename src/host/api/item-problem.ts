import type { Context } from 'hono'
import type { HttpEnv } from './http-env.ts'
import { type ProblemBody, problemBody } from './problem.ts'
import { toProblem } from './to-problem.ts'

/** One item's failure in a batch, as a single call would have answered it. */
export function itemProblem(c: Context<HttpEnv>, error: unknown): { readonly status: number; readonly problem: ProblemBody } {
  const problem = toProblem(error)
  c.var.report(problem)
  return { status: problem.status, problem: problemBody(problem, c.var.exchangeId, true) }
}
