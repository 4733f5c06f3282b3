import { toHex } from '../../src/protocol/engine/bytes.ts'

/** Encodings in which 32 secret bytes could have slipped out. */
function encodings(secret: Uint8Array): ReadonlyMap<string, Buffer> {
  const found = new Map<string, Buffer>()
  for (const [order, bytes] of [
    ['', secret],
    ['reversed ', secret.toReversed()],
  ] as const) {
    const text = (name: string, value: string): void => void found.set(`${order}${name}`, Buffer.from(value, 'latin1'))
    found.set(`${order}raw`, Buffer.from(bytes))
    text('hex', toHex(bytes))
    text('upper-case hex', toHex(bytes).toUpperCase())
    text('decimal', BigInt(`0x${toHex(bytes)}`).toString())
    // In a longer text, base64 of the secret depends on where it starts modulo 3; the characters it shares with its neighbours are cut.
    for (let shift = 0; shift < 3; shift++) {
      const padded = Buffer.concat([Buffer.alloc(shift), bytes])
      const start = Math.ceil((shift * 8) / 6)
      const end = Math.floor((padded.length * 8) / 6)
      text(`base64 at offset ${shift}`, padded.toString('base64').slice(start, end))
      text(`base64url at offset ${shift}`, padded.toString('base64url').slice(start, end))
    }
  }
  return found
}

/** Names the encodings in which any of the secrets stands in the haystack; a run without leaks gives none. */
export function findSecrets(haystack: Uint8Array, secrets: ReadonlyMap<string, Uint8Array>): readonly string[] {
  const buffer = Buffer.from(haystack.buffer, haystack.byteOffset, haystack.byteLength)
  return [...secrets].flatMap(([name, secret]) =>
    [...encodings(secret)].filter(([, encoded]) => buffer.includes(encoded)).map(([encoding]) => `${name} as ${encoding}`),
  )
}
