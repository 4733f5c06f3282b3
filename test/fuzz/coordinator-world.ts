import { pino } from 'pino'
import { createCoordinatorApp } from '../../src/host/api/coordinator-app.ts'
import { createMetrics } from '../../src/host/metrics.ts'
import type { Credential } from '../../src/protocol/request/authorize.ts'
import { encodeDocument, SCHEMES, type Scheme } from '../../src/protocol/request/document.ts'
import { wholeKeySet } from '../host/api/whole-key-set.ts'
import { nativeCurves } from '../simulator/world.ts'
import type { Names } from './key-names.ts'
import { keygenDocument, NOW } from './signer-trio.ts'

export interface CoordinatorWorld {
  readonly names: Names
  /** @throws what the application did not expect. */
  readonly fetch: (request: Request, known: boolean) => Promise<Response>
}

/** The coordinator's API before a set that holds whole keys, one of each scheme. */
export async function coordinatorWorld(
  credential: Credential,
  authorize: (document: Uint8Array) => Uint8Array,
): Promise<CoordinatorWorld> {
  const set = wholeKeySet([credential], () => NOW)
  const client = { name: 'wallet-server', credentials: [credential.id] }
  let clientKnown = true
  let unexpected: unknown
  const app = createCoordinatorApp({
    service: set.service,
    curves: nativeCurves,
    clientOf: () => (clientKnown ? client : null),
    metrics: createMetrics({ role: 'coordinator', name: 'fuzz' }),
    log: pino({ level: 'silent' }),
    info: { role: 'coordinator', version: '0.1.0', platform: 'test' },
    onUnexpected: (error) => {
      unexpected = error
    },
  })
  const keys = new Map<Scheme, string>()
  for (const scheme of SCHEMES) {
    const document = encodeDocument(keygenDocument(scheme, { audience: set.audience, requestId: `req_made-${scheme}` }))
    const authorizations = [{ credentialId: credential.id, alg: credential.alg, signature: authorize(document) }]
    keys.set(scheme, (await set.service.createKey({ document, authorizations }, client)).id)
  }
  return {
    names: { audience: set.audience, keys },
    fetch: async (request, known) => {
      clientKnown = known
      unexpected = undefined
      const answer = await app.fetch(request)
      set.received.length = 0
      if (unexpected !== undefined) throw unexpected
      return answer
    },
  }
}
