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

/** How one back end reads the points of somebody else. `Read` is what it computes with. All of it *public*. */
export interface PointReader<Read> {
  /** @throws RangeError on what is no point. */
  decode(point: Uint8Array): Read
  /** As `decode`, and remembers nothing: a point of our own may be as secret as what was multiplied for it (S4, S5 of DKLs23). */
  read(point: Uint8Array): Read
  isPoint(bytes: Uint8Array): boolean
  readonly known: PointCache<Read>
}

/** One signature reads the same nonce points several times, and reading takes a square root. @param convert throws RangeError on what is no point */
export function pointReader<Read>(limit: number, convert: (point: Uint8Array) => Read): PointReader<Read> {
  const known = pointCache<Read>(limit)
  const decode = (point: Uint8Array): Read => {
    const before = known.get(point)
    if (before !== undefined) return before
    const decoded = convert(point)
    known.set(point, decoded)
    return decoded
  }
  return {
    known,
    decode,
    read: (point) => known.get(point) ?? convert(point),
    isPoint(bytes) {
      try {
        decode(bytes)
        return true
      } catch {
        return false
      }
    },
  }
}
