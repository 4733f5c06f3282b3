import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseKeyId } from '../../../src/protocol/request/ids.ts'
import { inProcessSet } from './in-process-set.ts'

type Set = Awaited<ReturnType<typeof inProcessSet>>

describe('a set in one process', () => {
  let set: Set
  beforeAll(async () => {
    set = await inProcessSet()
  })
  afterAll(() => set.close())

  it.each(['ecdsa-secp256k1', 'schnorr-secp256k1', 'eddsa-ed25519'] as const)(
    'makes a %s key and signs with it',
    async (scheme) => {
      const key = await set.service.createKey(set.request('cred_alice', set.keygen(scheme)), set.client)
      expect(key.state).toBe('active')
      const keyId = parseKeyId(key.id) as Uint8Array
      const payload =
        scheme === 'eddsa-ed25519'
          ? { kind: 'message' as const, message: new TextEncoder().encode('hello') }
          : { kind: 'message' as const, message: new TextEncoder().encode('hello'), hash: 'sha256' as const }
      const views = await Promise.all(
        Array.from({ length: 5 }, () =>
          set.service.sign(set.request('cred_alice', set.sign(scheme, keyId, payload)), set.client, 5000),
        ),
      )
      for (const view of views) expect(view.state).toBe('signed')
    },
  )
})
