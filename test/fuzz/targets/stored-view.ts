import { isDeepStrictEqual } from 'node:util'
import { crc32 } from 'node:zlib'
import type { SignatureView } from '../../../src/host/api/coordinator-service.ts'
import { decodeView, encodeView } from '../../../src/host/coordinator/stored-view.ts'
import { StoreError } from '../../../src/host/store/store-error.ts'
import { concat, equalBytes, u32 } from '../../../src/protocol/engine/bytes.ts'
import { isEcdsa, SCHEMES, type Scheme } from '../../../src/protocol/request/document.ts'
import { type FuzzTarget, promise } from '../target.ts'

const view = (scheme: Scheme): SignatureView => ({
  id: `sig_${'0'.repeat(32)}`,
  requestId: 'req_1',
  state: 'signed',
  keyId: `key_${'0'.repeat(64)}`,
  keyEpoch: 1,
  path: 'm',
  publicKey: `0x02${'11'.repeat(32)}`,
  digest: scheme === 'eddsa-ed25519' ? null : `0x${'22'.repeat(32)}`,
  signature: isEcdsa(scheme)
    ? { scheme, compact: new Uint8Array(64).fill(1), recovery: 1 }
    : { scheme, compact: new Uint8Array(64).fill(1) },
  engine: isEcdsa(scheme) ? 'hm' : 'frost',
  signers: [1, 3],
  timingMs: { queue: 0.25, sign: 6.1, total: 6.9 },
})

/**
 * Finished signatures as the coordinator's store gives them back, from a disk that somebody else could have written to. The check sum at the
 * end is put on here: it is against decay, not against people.
 */
export function open(): FuzzTarget {
  return {
    maxLength: 2048,
    dictionary: [...SCHEMES, 'hm', 'frost'],
    seeds: () => new Map(SCHEMES.map((scheme) => [scheme, encodeView(view(scheme)).slice(0, -4)])),
    reaches: SCHEMES,
    run: (body) => {
      const input = concat(body, u32(crc32(body)))
      let stored: SignatureView
      try {
        stored = decodeView(input)
      } catch (error) {
        if (error instanceof StoreError) return 'none'
        throw error
      }
      promise(equalBytes(encodeView(stored), input), 'a second encoding of one view')
      promise(isDeepStrictEqual(decodeView(encodeView(stored)), stored), 'a view changes when it is stored')
      return stored.signature?.scheme ?? 'no signature'
    },
  }
}
