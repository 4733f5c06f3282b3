import type { z } from '@hono/zod-openapi'
import { beforeEach, expect } from 'vitest'
import { createCoordinatorApp } from '../../../src/host/api/coordinator-app.ts'
import type { Client } from '../../../src/host/api/coordinator-service.ts'
import { Key, Problem } from '../../../src/host/api/schemas.ts'
import { createMetrics } from '../../../src/host/metrics.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { keygen, logSink, post, requester } from './requests.ts'
import { type WholeKeySet, wholeKeySet } from './whole-key-set.ts'

export const wallet = requester('cred_wallet')
export const stranger = requester('cred_stranger')

type Options = Parameters<typeof createCoordinatorApp>[0]

/** A coordinator's application before a set that holds whole keys; a new one for each test. */
export interface Coordinator {
  set: WholeKeySet
  /** Whom every caller is taken for. */
  client: Client | null
  sink: ReturnType<typeof logSink>
  app: ReturnType<typeof createCoordinatorApp>
  appWith: (changes: Partial<Options>) => ReturnType<typeof createCoordinatorApp>
  newKey: (changes?: Parameters<typeof keygen>[1]) => Promise<z.infer<typeof Key>>
}

export function coordinator(): Coordinator {
  const c = {} as Coordinator
  c.appWith = (changes) =>
    createCoordinatorApp({
      service: c.set.service,
      curves: nativeCurves,
      clientOf: () => c.client,
      metrics: createMetrics({ role: 'coordinator', name: 'test' }),
      log: c.sink.log,
      info: { role: 'coordinator', version: '0.1.0', platform: 'test' },
      ...changes,
    })
  c.newKey = async (changes = {}) => {
    const answer = await c.app.request('/api/v1/keys', post(wallet.signed(keygen(c.set.audience, changes))))
    expect(answer.status).toBe(201)
    return Key.parse(await answer.json())
  }
  beforeEach(() => {
    c.set = wholeKeySet([wallet.credential, stranger.credential])
    c.client = { name: 'wallet-server', credentials: ['cred_wallet'] }
    c.sink = logSink()
    c.app = c.appWith({})
  })
  return c
}

/** The body of an answer that has to be a problem. */
export async function problemOf(answer: Response): Promise<Record<string, unknown>> {
  expect(answer.headers.get('content-type')).toBe('application/problem+json')
  const body = (await answer.json()) as Record<string, unknown>
  expect(Problem.safeParse(body).success).toBe(true)
  expect(body['status']).toBe(answer.status)
  return body
}
