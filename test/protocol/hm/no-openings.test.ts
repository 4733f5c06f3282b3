import { describe, expect, it } from 'vitest'
import { importsOf } from '../../architecture/plain-code.ts'
import { sourceFiles } from '../../architecture/source-files.ts'

// N1: one zero mask, one product k_i a_i or one pair value z_ij in the open gives the key away, also of a failed session
// (mutants/: openedMasks). So nothing but the two rounds may reach what makes them.

const src = sourceFiles('src/**/*.ts')
const importersOf = (module: string): readonly string[] =>
  src.filter(({ text }) => importsOf(text).some((name) => name.endsWith(module))).map(({ path }) => path)

describe('hm 7.4 API: no function gives masks, k_i a_i or pair values away', () => {
  it('streams, nonce shares and masks are reached by the signer’s script alone', () => {
    expect(importersOf('/pseudo-random.ts')).toEqual(['src/protocol/hm/sign.ts'])
  })

  it('which shows two things of it to the rest of the program: the two rounds, and their forms', () => {
    const sign = src.find(({ path }) => path === 'src/protocol/hm/sign.ts')?.text ?? ''
    const names = [...sign.matchAll(/^export (?:function\*?|const|interface) (\w+)/gm)].map((match) => match[1])
    expect(names).toEqual(['openingOf', 'ANSWER', 'HmParams', 'sign'])
    const outside = src.filter(({ path, text }) => !path.startsWith('src/protocol/hm/') && /hm\/[a-z-]+\.ts'/.test(text))
    const taken = outside.flatMap(({ text }) => [...text.matchAll(/import \{ ([^}]+) \} from '[^']*hm\/[a-z-]+\.ts'/g)])
    expect(taken.map((match) => match[1]).sort()).toEqual(['assemble as assembleHm', 'sign as hmSign'])
  })

  it('and yields twice: a broadcast of points, an answer under masks; nothing goes to a single peer', () => {
    const sign = src.find(({ path }) => path === 'src/protocol/hm/sign.ts')?.text ?? ''
    expect(sign.match(/\byield\b/g)).toHaveLength(2)
    expect(sign).not.toMatch(/\bdirect:/)
  })
})
