import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { Unpackr } from 'msgpackr'
import { DEV_FILES } from '../src/host/cli/dev-keys.ts'
import { FILES } from '../src/host/cli/init-host.ts'
import { readCredentials } from '../src/host/config/access-files.ts'
import { readCredentialFile } from '../src/host/config/credential-file.ts'
import { readIdentityFile } from '../src/host/config/identity-file.ts'
import { readRosterFile } from '../src/host/config/roster-file.ts'
import { openDataKey } from '../src/host/kms/data-key.ts'
import { fileKms } from '../src/host/kms/file-kms.ts'
import { openCoordinatorStore } from '../src/host/store/coordinator-store.ts'
import { openGatewayStore } from '../src/host/store/gateway-store.ts'
import { openSignerStore, type SignerStore } from '../src/host/store/signer-store.ts'
import { wipe } from '../src/protocol/engine/bytes.ts'
import type { Dealing, DealtKey } from './dealt-key.ts'
import type { Form, Scheme } from './signing-requests.ts'

/** Where a set keeps what the dealer needs; all of it as `quorate dev` lays it out. */
export interface DealtInto {
  readonly dataDir: string
  readonly rosterFile: string
  readonly rosterHash: string
  readonly threshold: number
  /** Names of the signers' directories, by ascending index. */
  readonly signers: readonly string[]
}

/** Which keys, and through which form of the API they can be used: a key belongs to one credential. */
export interface Wanted {
  readonly scheme: Scheme
  readonly form: Form
  readonly count: number
}

const MARK = 'dealt-by-bench'
const SIGNER_STORE = 'signer.sqlite'
const COORDINATOR_STORE = join('coordinator', 'coordinator.sqlite')
const GATEWAY_STORE = join('gateway', 'gateway.sqlite')
/** Keys of one transaction in each store. */
const CHUNK = 2_500

/**
 * Allows dealing into a set, for ever. Only a set without any store can be marked: a key from a dealer existed in one place, and must never
 * stand beside keys of which somebody believes that they did not.
 */
export function markForDealing(set: DealtInto): void {
  const stores = [...set.signers.map((name) => join(name, SIGNER_STORE)), COORDINATOR_STORE, GATEWAY_STORE]
  const found = stores.find((store) => existsSync(join(set.dataDir, store)))
  if (found !== undefined)
    throw new Error(`${set.dataDir} has ${found} already: keys are dealt only into sets that the benchmark made`)
  writeFileSync(join(set.dataDir, MARK), set.rosterHash)
}

function assertMarked({ dataDir, rosterHash }: DealtInto): void {
  const file = join(dataDir, MARK)
  if (existsSync(file) && readFileSync(file, 'latin1') === rosterHash) return
  throw new Error(`${dataDir} was not made by the benchmark: keys are dealt only into sets that it made`)
}

/**
 * Puts `count` keys into the stores of a set that is not running, as if its signers had made them.
 * @param onKey is told each key's id and public key (a point).
 * @throws Error for a set that was not made for it, StoreError LOCKED for one that runs.
 */
export async function deal(
  set: DealtInto,
  wanted: Wanted,
  onKey: (keyId: Uint8Array, publicKey: Uint8Array) => void,
): Promise<void> {
  assertMarked(set)
  const stores = openStores(set, wanted.form)
  const secrets: Uint8Array[] = []
  try {
    const dealing = await dealingOf(set, wanted, stores.signers, secrets)
    await inWorkers(dealing, wanted.count, (keys) => {
      stores.write(keys)
      for (const { directory } of keys) onKey(directory.keyId, directory.publicKey)
    })
  } finally {
    wipe(...secrets)
    stores.close()
  }
}

function openStores({ dataDir, signers: names }: DealtInto, form: Form) {
  const open: { readonly close: () => void }[] = []
  const opened = <T extends { readonly database: { readonly close: () => void } }>(store: T): T => {
    open.push(store.database)
    return store
  }
  const close = (): void => {
    for (const database of open) database.close()
  }
  try {
    const signers = names.map((name) => opened(openSignerStore(join(dataDir, name, SIGNER_STORE))))
    const coordinator = opened(openCoordinatorStore(join(dataDir, COORDINATOR_STORE)))
    const gateway = opened(openGatewayStore(join(dataDir, GATEWAY_STORE)))
    const write = (keys: readonly DealtKey[]): void => {
      for (const [i, store] of signers.entries()) {
        store.database.transaction(() => {
          for (const { shares, certificate } of keys) {
            const share = shares[i] as DealtKey['shares'][number]
            store.insertPending(share)
            store.activate(share.keyId, certificate)
          }
        })
      }
      coordinator.restoreKeys(keys.map(({ directory }) => directory))
      // Of keys of other credentials a gateway knows nothing.
      if (form === 'coordinator') return
      gateway.database.transaction(() => {
        for (const key of keys) gateway.addKey(key.gateway)
      })
    }
    return { signers, write, close }
  } catch (error) {
    close()
    throw error
  }
}

/** @param secrets gets what is to be wiped. */
async function dealingOf(
  { dataDir, rosterFile, rosterHash, threshold, signers: names }: DealtInto,
  { scheme, form }: Wanted,
  stores: readonly SignerStore[],
  secrets: Uint8Array[],
): Promise<Dealing> {
  const { roster, audience } = readRosterFile(rosterFile, rosterHash)
  const signers = []
  for (const [i, store] of stores.entries()) {
    const file = (name: string): string => join(dataDir, names[i] as string, name)
    const { id, signSeed, exchangeSecret } = readIdentityFile(file(FILES.identity))
    wipe(exchangeSecret)
    const dataKey = await openDataKey(store, fileKms(file(FILES.masterKey)), { set: audience, signer: String(id) })
    secrets.push(signSeed, dataKey)
    signers.push({ id, signSeed, dataKey })
  }
  const own = readCredentialFile(
    form === 'coordinator' ? join(dataDir, DEV_FILES.credential) : join(dataDir, form, FILES.credential),
  )
  wipe(own.seed)
  const credentials = readCredentials(join(dataDir, names[0] as string, 'credentials.json'))
  const credential = credentials.find(({ id }) => id === own.id)
  if (credential === undefined) throw new Error(`the signers do not know the credential ${own.id}`)
  return { scheme, threshold, roster, credentialId: own.id, tenant: credential.tenant, signers }
}

/** Deals in a worker for each core and writes on this thread. Each worker is one chunk ahead, so that neither waits for the other. */
async function inWorkers(dealing: Dealing, count: number, write: (keys: readonly DealtKey[]) => void): Promise<void> {
  let left = count
  const unpackr = new Unpackr()
  await Promise.all(
    Array.from({ length: Math.min(availableParallelism(), Math.ceil(count / CHUNK)) }, async () => {
      const worker = new Worker(new URL('./deal-worker.ts', import.meta.url), { workerData: dealing })
      const next = (): Promise<Uint8Array> | undefined => {
        const size = Math.min(CHUNK, left)
        if (size === 0) return undefined
        left -= size
        return new Promise((resolve, reject) => {
          worker.once('message', resolve)
          worker.once('error', reject)
          worker.postMessage(size)
        })
      }
      try {
        for (let coming = next(); coming !== undefined; ) {
          const bytes = await coming
          worker.removeAllListeners('error')
          coming = next()
          write(unpackr.unpack(bytes) as readonly DealtKey[])
        }
      } finally {
        await worker.terminate()
      }
    }),
  )
}
