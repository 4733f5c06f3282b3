import { randomFillSync } from 'node:crypto'
import { closeSync, constants, fstatSync, fsyncSync, openSync, readSync, writeFileSync } from 'node:fs'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { compareBytes, wipe } from '../../protocol/engine/bytes.ts'
import { TAGS } from '../../protocol/engine/tags.ts'
import { frame } from '../../protocol/engine/transcript.ts'
import { createDurableFile } from '../store/durable-file.ts'
import { decrypt, encrypt, KEY_BYTES } from './aead.ts'
import { type KmsContext, KmsError, type KmsProvider } from './kms-provider.ts'

/** Names and values in the order of the names' bytes, length-prefixed: one context has one encoding. */
const contextBytes = (context: KmsContext): Uint8Array =>
  frame(
    TAGS.wrappedKey,
    ...Object.entries(context)
      .map(([name, value]) => [utf8ToBytes(name), utf8ToBytes(value)] as const)
      .sort(([a], [b]) => compareBytes(a, b))
      .flat(),
  )

/** Refuses rather than mends: whoever could read the key may have done so, and a narrower mode does not undo that. */
function assertPrivate(handle: number, path: string): void {
  const { mode, uid, size } = fstatSync(handle)
  if ((mode & 0o077) !== 0) throw new KmsError('MASTER_KEY_UNSAFE', `${path} is open to others: replace the key, or chmod 600`)
  if (uid !== process.getuid?.()) throw new KmsError('MASTER_KEY_UNSAFE', `${path} belongs to another user`)
  if (size !== KEY_BYTES) throw new KmsError('MASTER_KEY_MALFORMED', `${path} is not a file of ${KEY_BYTES} bytes`)
}

function readMasterKey(path: string): Uint8Array {
  let handle: number
  try {
    // A named pipe is refused below; without this flag opening one waits for its writer, and nothing stops a host that waits there.
    handle = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw new KmsError(missing ? 'MASTER_KEY_MISSING' : 'UNAVAILABLE', `${path} cannot be read`, error)
  }
  try {
    // Of the open file, not of the name, which could be exchanged in between.
    assertPrivate(handle, path)
    const key = new Uint8Array(KEY_BYTES)
    if (readSync(handle, key) !== KEY_BYTES) throw new KmsError('UNAVAILABLE', `${path} cannot be read`)
    return key
  } finally {
    closeSync(handle)
  }
}

/**
 * Makes a random master key at `path`, mode 0600, durable before this returns. For `quorate init`; no start of a host does it.
 * @returns false, and changes nothing, when the file exists.
 */
export function createMasterKey(path: string): boolean {
  const key = randomFillSync(new Uint8Array(KEY_BYTES))
  try {
    return createDurableFile(path, (temporary) => {
      const handle = openSync(temporary, 'r+')
      try {
        writeFileSync(handle, key)
        fsyncSync(handle)
      } finally {
        closeSync(handle)
      }
    })
  } finally {
    wipe(key)
  }
}

/**
 * A master key of 32 raw bytes in a file that only this user can read. It is read for each operation and wiped: a host
 * needs it at starts only, and holds it no longer.
 * @throws KmsError MASTER_KEY_MISSING, MASTER_KEY_UNSAFE, MASTER_KEY_MALFORMED or UNAVAILABLE, at once
 */
export function fileKms(path: string): KmsProvider {
  const withMasterKey = <T>(work: (key: Uint8Array) => T): T => {
    const key = readMasterKey(path)
    try {
      return work(key)
    } finally {
      wipe(key)
    }
  }
  withMasterKey(() => undefined)
  return {
    name: 'file',
    wrap: async (dataKey, context) => withMasterKey((key) => encrypt(key, contextBytes(context), dataKey)),
    unwrap: async (wrapped, context) => {
      const dataKey = withMasterKey((key) => decrypt(key, contextBytes(context), wrapped))
      if (dataKey === undefined) throw new KmsError('UNWRAP_FAILED', `${path} does not open the wrapped key in this context`)
      return dataKey
    },
  }
}
