import type { Codec } from '../../protocol/engine/codec.ts'
import { UnreadableMessage } from '../../transport/inbound.ts'

export const decoded = <T>(codec: Codec<T>, body: Uint8Array): T | null => {
  try {
    return codec.decode(body)
  } catch {
    return null
  }
}

/** For routes whose answer has no place for a refusal. */
export function readable<T>(codec: Codec<T>, body: Uint8Array): T {
  const frame = decoded(codec, body)
  if (frame === null) throw new UnreadableMessage()
  return frame
}
