// What four lanes of 32 bits have in common.

/** The four rows of the matrix whose columns are a, b, c, d, one at a time. */
@inline export function row0(a: v128, b: v128, c: v128, d: v128): v128 {
  return v128.shuffle<u64>(v128.shuffle<u32>(a, b, 0, 4, 1, 5), v128.shuffle<u32>(c, d, 0, 4, 1, 5), 0, 2)
}
@inline export function row1(a: v128, b: v128, c: v128, d: v128): v128 {
  return v128.shuffle<u64>(v128.shuffle<u32>(a, b, 0, 4, 1, 5), v128.shuffle<u32>(c, d, 0, 4, 1, 5), 1, 3)
}
@inline export function row2(a: v128, b: v128, c: v128, d: v128): v128 {
  return v128.shuffle<u64>(v128.shuffle<u32>(a, b, 2, 6, 3, 7), v128.shuffle<u32>(c, d, 2, 6, 3, 7), 0, 2)
}
@inline export function row3(a: v128, b: v128, c: v128, d: v128): v128 {
  return v128.shuffle<u64>(v128.shuffle<u32>(a, b, 2, 6, 3, 7), v128.shuffle<u32>(c, d, 2, 6, 3, 7), 1, 3)
}

/** Big-endian words to little-endian ones and back. */
@inline export function swap(x: v128): v128 {
  return v128.shuffle<u8>(x, x, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12)
}

/** Stores a, b, c, d, whose lanes belong to four different byte strings: 16 big-endian bytes of each, `stride` bytes apart. */
@inline export function scatter(out: usize, stride: usize, a: v128, b: v128, c: v128, d: v128): void {
  v128.store(out, swap(row0(a, b, c, d)))
  v128.store(out + stride, swap(row1(a, b, c, d)))
  v128.store(out + 2 * stride, swap(row2(a, b, c, d)))
  v128.store(out + 3 * stride, swap(row3(a, b, c, d)))
}
