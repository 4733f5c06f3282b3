import { equalBytes } from '../../../src/protocol/engine/bytes.ts'
import type { Codec } from '../../../src/protocol/engine/codec.ts'
import { CODECS } from '../../mutants/registry.ts'
import { frameSeeds } from '../frame-seeds.ts'
import { type FuzzTarget, promise } from '../target.ts'

/** Every codec of the wire, of the store and between threads; of those that differ by curve, each. */
const ALL: readonly (readonly [name: string, codec: Codec<unknown>])[] = Object.entries(CODECS).flatMap(([name, codecs]) =>
  codecs.map((codec, i) => [i === 0 ? name : `${name} ${i + 1}`, codec] as const),
)

/** Every input goes to every codec: no bytes may mean two things to one, or anything but a RangeError to any. */
export function open(): FuzzTarget {
  return {
    maxLength: 8192,
    seeds: () => frameSeeds(ALL),
    reaches: ALL.map(([name]) => name),
    run: (input) => {
      const accepted = ALL.filter(([name, codec]) => {
        try {
          promise(equalBytes(codec.encode(codec.decode(input)), input), `${name}: a second encoding of one value`)
          return true
        } catch (error) {
          if (error instanceof RangeError) return false
          throw error
        }
      })
      return accepted.map(([name]) => name).join() || 'none'
    },
  }
}
