/** What the first byte of a message makes an obedient worker do; the rest is its argument. */
export const ORDER = {
  reverse: 0,
  fail: 1,
  exit: 2,
  crash: 3,
  sleep: 4,
  pooled: 5,
  started: 6,
  nothing: 7,
  hang: 8,
  grow: 9,
  limits: 10,
} as const

export interface ObedientData {
  readonly name: string
  readonly secret: Uint8Array
  /** Written when the actor closes. */
  readonly closedFile?: string
  readonly refuse?: boolean
  readonly never?: boolean
}
