import { expect } from 'vitest'
import type { z } from 'zod'
import { Key } from '../../../src/host/api/schemas.ts'
import type { HttpPeer } from '../../../src/host/gateway/coordinator-client.ts'
import { KeyBatch } from '../../../src/host/gateway/schemas.ts'
import { parseDocument } from '../../../src/protocol/request/document.ts'
import { post } from '../api/requests.ts'
import type { Gateway } from './harness.ts'

type Batch = z.infer<typeof KeyBatch>

export const some = (count: number) => [{ scheme: 'eddsa-ed25519', count }]
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i)
export const keyOf = (item: Batch['items'][number] | undefined) =>
  Key.parse(item !== undefined && 'key' in item ? item.key : undefined)
export const positions = ({ items }: Batch): number[] => items.map(({ position }) => position).sort((a, b) => a - b)

/** What tests of batches do with a gateway. */
export function batchesOf(g: Gateway) {
  const ask = (body: object, token?: string) => g.call('/api/v1/keys/batch', post(body), token)
  const read = async (id: string, query = '', token?: string): Promise<Batch> => {
    const answer = await g.call(`/api/v1/keys/batch/${id}${query}`, {}, token)
    expect(answer.status).toBe(200)
    return KeyBatch.parse(await answer.json())
  }
  return {
    ask,
    read,
    begin: async (body: object, token?: string): Promise<Batch> => {
      const answer = await ask(body, token)
      expect([200, 202]).toContain(answer.status)
      return KeyBatch.parse(await answer.json())
    },
    done: (id: string): Promise<Batch> => read(id, '?wait_ms=20000&limit=200'),
    /** The key requests that reached the coordinator, each once however often it came. */
    asked: (): string[] => [...new Set(g.set.received.map((bytes) => parseDocument(bytes).reference ?? ''))].sort(),
    /** All keys that there are behind the coordinator. */
    existing: (): string[] =>
      g.set.service.listKeys({ limit: 10_000 }, { name: 'gateway', credentials: ['cred_gateway'] }).keys.map(({ id }) => id),
    /** What a call to the coordinator meets from now on. */
    through: (bend: (send: HttpPeer['request'], call: number) => HttpPeer['request']): void => {
      const { request } = g.peer
      let calls = 0
      g.peer = { request: (asked) => bend(request, calls++)(asked) }
    },
  }
}
