import { z } from '@hono/zod-openapi'
import { fromHex } from '../../protocol/engine/bytes.ts'
import type { Scheme } from '../../protocol/request/document.ts'
import type { KeyView } from '../api/coordinator-service.ts'
import { ApiProblem } from '../api/problem.ts'
import { toProblem } from '../api/to-problem.ts'
import type { CoordinatorClient } from './coordinator-client.ts'
import type { KeyDirectory } from './key-directory.ts'
import type { Principal } from './principal.ts'
import type { RequestBook } from './request-book.ts'

export interface KeyWish {
  readonly scheme: Scheme
  readonly threshold: number
  readonly parties: number
  readonly label: string | undefined
  readonly requestId: string | undefined
}

/** Three rounds and a disk commit at every signer, with room for one that is slow. */
const TIMEOUT_MS = 60_000

/** Bound of a certificate: src/protocol/keygen/certificate.ts. */
const Answer = z.object({ certificate: z.string().regex(/^0x([0-9a-f]{2}){1,2560}$/) })

/** Has keys made. @throws ApiProblem, RequestError, StoreError */
export type MakeKey = (principal: Principal, wish: KeyWish) => Promise<{ readonly key: KeyView; readonly requestId: string }>

export function createKeyMaker(options: {
  readonly coordinator: CoordinatorClient
  readonly book: RequestBook
  readonly keys: KeyDirectory
}): MakeKey {
  const { coordinator, book, keys } = options
  return async (principal, { requestId: wanted, label, ...rest }) => {
    const booked = await book.book(principal, wanted, { type: 'keygen.v1', ...rest, ...(label === undefined ? {} : { label }) })
    const { requestId } = booked
    try {
      const { json } = await coordinator.post('/api/v1/keys', booked.body, TIMEOUT_MS)
      const answer = Answer.safeParse(json)
      if (!answer.success) throw new ApiProblem('protocol_abort', 'the key came back without a certificate')
      const { view } = keys.adopt(principal.tenantId, booked, fromHex(answer.data.certificate.slice(2)))
      return { key: view, requestId }
    } catch (error) {
      throw toProblem(error).withRequest(requestId)
    }
  }
}
