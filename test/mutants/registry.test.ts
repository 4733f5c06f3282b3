import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { PROTOCOLS, SUITES } from '../../src/protocol/channel/setup.ts'
import { equalBytes } from '../../src/protocol/engine/bytes.ts'
import { FRAMES_VERSION, REPLY_TYPES } from '../../src/protocol/frames/signer-frames.ts'
import { mutantsOf, pack, sampleOf } from './mutate.ts'
import { CODECS, FRAMES, MESSAGES } from './registry.ts'

const SRC = fileURLToPath(new URL('../../src', import.meta.url))

/** `file name` of each codec that the sources make: the constant (or function) in which `message(` or `codec(` stands. */
function codecsInSources(): readonly string[] {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.ts'))
  return files
    .filter((file) => file !== join('protocol', 'engine', 'codec.ts'))
    .flatMap((file) => {
      const text = readFileSync(join(SRC, file), 'utf8')
      if (!/from '.*engine\/codec\.ts'/.test(text)) return []
      return [...text.matchAll(/(?<![.\w])(?:message|codec)\(/g)].map(({ index }) => {
        const name = [...text.slice(0, index).matchAll(/\bconst (\w+)/g)].at(-1)?.[1]
        return `${file.replaceAll('\\', '/')} ${name}`
      })
    })
}

describe('the registry of message codecs', () => {
  it('D-04 holds every codec that the sources make, each once: a new message is sent wrong from its first day', () => {
    const found = codecsInSources()
    expect(found.length).toBeGreaterThan(25)
    expect([...found].sort()).toEqual(Object.keys(CODECS).sort())
  })

  it('T-20 what hosts say to each other is this, for this version of the frames: with a change here comes another number there', () => {
    // Before the first release the digest alone is changed: no two hosts of different days have to understand each other yet.
    const said = Object.entries({ ...MESSAGES, ...FRAMES, PROTOCOLS, SUITES, REPLY_TYPES }).sort(([a], [b]) => (a < b ? -1 : 1))
    const forms = said.map(([name, of]) => [name, Array.isArray(of) ? of.map((codec) => codec.form) : of])
    const digest = createHash('sha256').update(JSON.stringify(forms)).digest('hex')
    expect([FRAMES_VERSION, digest.slice(0, 16)]).toEqual([2, '781650b9c5e43cfa'])
  })

  it.each(Object.entries(CODECS))(
    'D-04, D-06 %s: a wrong message is refused or is another valid one, never half read',
    (_, codecs) => {
      for (const codec of codecs) {
        const valid = pack(sampleOf(codec.form))
        let refused = 0
        const mutants = mutantsOf(codec.form, valid)
        for (const { what, bytes } of mutants) {
          let value: unknown
          try {
            value = codec.decode(bytes)
          } catch (error) {
            expect(error, what).toBeInstanceOf(RangeError)
            expect((error as Error).message.length, what).toBeLessThan(60)
            refused += 1
            continue
          }
          expect(equalBytes(codec.encode(value), bytes), what).toBe(true)
        }
        expect(mutants.length).toBeGreaterThan(10)
        expect(refused).toBeGreaterThan(9)
      }
    },
  )
})
