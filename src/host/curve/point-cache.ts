/**
 * Remembers something about at most `limit` encoded public points and forgets the oldest first. The whole encoding is the key, so a
 * peer who floods it costs others time, never a wrong answer. For public points only: nothing here is ever wiped.
 */
export interface PointCache<Value> {
  get(point: Uint8Array): Value | undefined
  set(point: Uint8Array, value: Value): void
}

// latin1 is one character per byte and by far the fastest exact key for a Map.
const key = (point: Uint8Array): string => Buffer.from(point.buffer, point.byteOffset, point.length).toString('latin1')

export function pointCache<Value>(limit: number): PointCache<Value> {
  const entries = new Map<string, Value>()
  return {
    get: (point) => entries.get(key(point)),
    set(point, value) {
      entries.set(key(point), value)
      if (entries.size <= limit) return
      for (const oldest of entries.keys()) {
        entries.delete(oldest)
        return
      }
    },
  }
}
