import { closeSync, constants, fstatSync, openSync, readSync, writeFileSync } from 'node:fs'
import { createDurableFile } from '../store/durable-file.ts'

/**
 * Reads a file that only its owner may read. The mode is that of the open file, so nobody can swap it in between.
 * @throws Error naming the file, never its contents.
 */
export function readSecretFile(path: string, maxBytes: number): Uint8Array {
  // A named pipe is refused below; without this flag opening one waits for its writer.
  const handle = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  try {
    const { mode, size } = fstatSync(handle)
    if ((mode & 0o170000) !== 0o100000) throw new Error(`${path} is not a file`)
    // Windows has no such modes.
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new Error(`${path} may be read by others (mode ${(mode & 0o777).toString(8).padStart(4, '0')}): chmod 600 it`)
    }
    if (size > maxBytes) throw new Error(`${path} is longer than ${maxBytes} bytes`)
    const bytes = new Uint8Array(size)
    let at = 0
    while (at < size) {
      const read = readSync(handle, bytes, at, size - at, at)
      if (read === 0) throw new Error(`${path} became shorter while it was read`)
      at += read
    }
    return bytes
  } finally {
    closeSync(handle)
  }
}

/**
 * Creates a file of mode 0600, durably.
 * @throws Error if it exists: a secret is never overwritten.
 */
export function createSecretFile(path: string, contents: Uint8Array | string): void {
  const created = createDurableFile(path, (temporary) => writeFileSync(temporary, contents, { flush: true }))
  if (!created) throw new Error(`${path} exists already; move it away first`)
}
