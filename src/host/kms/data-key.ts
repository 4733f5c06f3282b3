import { randomFillSync } from 'node:crypto'
import { equalBytes, wipe } from '../../protocol/engine/bytes.ts'
import { KEY_BYTES } from './aead.ts'
import { type KmsContext, KmsError, type KmsProvider } from './kms-provider.ts'

/** Where the wrapped data key lives: in the store whose records it seals, so that a backup of one is a backup of both. */
export interface DataKeySlot {
  wrappedDataKey(): Uint8Array | undefined
  /** Durable on return; throws when there is one already. */
  insertWrappedDataKey(wrapped: Uint8Array): void
  holdsSealedRecords(): boolean
}

/**
 * The 32-byte data key of a store, which the caller wipes. A store without records gets a new one; any other has the one it
 * was sealed under or does not start (decisions.md 7): a new key would turn every share into noise, and hide that. *secret* result
 * @throws KmsError DATA_KEY_MISSING, or what the provider throws. Nothing has been changed then.
 */
export async function openDataKey(slot: DataKeySlot, kms: KmsProvider, context: KmsContext): Promise<Uint8Array> {
  const wrapped = slot.wrappedDataKey()
  if (wrapped !== undefined) {
    const dataKey = await kms.unwrap(wrapped, context)
    if (dataKey.length !== KEY_BYTES) throw new KmsError('UNWRAP_FAILED', `${kms.name} returned a key of another length`)
    return dataKey
  }
  if (slot.holdsSealedRecords()) {
    throw new KmsError('DATA_KEY_MISSING', 'the store holds sealed shares but not the key that seals them: restore a backup')
  }
  return createDataKey(slot, kms, context)
}

async function createDataKey(slot: DataKeySlot, kms: KmsProvider, context: KmsContext): Promise<Uint8Array> {
  const dataKey = randomFillSync(new Uint8Array(KEY_BYTES))
  let check: Uint8Array | undefined
  try {
    const wrapped = await kms.wrap(dataKey, context)
    // A provider that cannot open what it wrapped must show it now, not at the next start.
    check = await kms.unwrap(wrapped, context)
    if (!equalBytes(check, dataKey)) throw new KmsError('UNWRAP_FAILED', `${kms.name} does not return what it wrapped`)
    slot.insertWrappedDataKey(wrapped)
    return dataKey
  } catch (error) {
    wipe(dataKey)
    throw error
  } finally {
    wipe(check)
  }
}
