/**
 * How often `use` reads each byte. A structural stand-in for a timing test: code that touches every secret byte the same number of
 * times for every value has no early exit and no index that depends on the value.
 */
export function countReads(bytes: Uint8Array, use: (bytes: Uint8Array) => unknown): number[] {
  const reads = new Array<number>(bytes.length).fill(0)
  const watched = new Proxy(bytes, {
    get(target, property) {
      const index = typeof property === 'string' ? Number(property) : Number.NaN
      if (Number.isInteger(index)) reads[index] = (reads[index] ?? 0) + 1
      return Reflect.get(target, property, target) as unknown
    },
  })
  use(watched)
  return reads
}
