import { randomFillSync } from 'node:crypto'
import { CryptoActor } from '../../actors/crypto-actor.ts'
import { serveActor } from '../../actors/worker-entry.ts'
import type { Roster } from '../../protocol/channel/roster.ts'
import type { Credential } from '../../protocol/request/authorize.ts'
import { readIdentityFile } from '../config/identity-file.ts'
import { selectCurves } from '../curve/select-curves.ts'
import { fileKms } from '../kms/file-kms.ts'
import type { KmsContext } from '../kms/kms-provider.ts'
import { recordSeals } from '../kms/record-seals.ts'

/** What a signer's crypto worker starts with: public values and where the secrets are, never a secret. */
export interface CryptoWorkerData {
  readonly identityFile: string
  readonly kmsFile: string
  readonly kmsContext: KmsContext
  readonly wrappedDataKey: Uint8Array
  readonly roster: Roster
  readonly audience: string
  readonly credentials: readonly Credential[]
  readonly curve: 'native' | 'noble'
  readonly boot: number
  readonly keyCacheSize: number
  readonly hm: boolean
  readonly dkls23: boolean
}

// Identity, data key and shares are read, unwrapped and unsealed on this thread; the main thread never holds them.
export default serveActor(async (data) => {
  const d = data as CryptoWorkerData
  const identity = readIdentityFile(d.identityFile)
  const dataKey = await fileKms(d.kmsFile).unwrap(d.wrappedDataKey, d.kmsContext)
  const actor = new CryptoActor({
    identity,
    roster: d.roster,
    authority: { audience: d.audience, credentials: new Map(d.credentials.map((c) => [c.id, c])), curves: selectCurves(d.curve) },
    rng: (length) => randomFillSync(new Uint8Array(length)),
    boot: d.boot,
    ...recordSeals(dataKey, identity.id),
    capacity: d.keyCacheSize,
    hm: d.hm,
    dkls23: d.dkls23,
  })
  return {
    call: (bytes) => actor.call(bytes),
    close: () => {
      actor.close()
      dataKey.fill(0)
    },
  }
})
