import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { TAGS } from '../../src/protocol/engine/tags.ts'
import * as rules from './rules.ts'
import { foldersOf, ROOT, sourceFiles } from './source-files.ts'

const src = sourceFiles('src/**/*.ts')
const protocol = src.filter(({ path }) => path.startsWith('src/protocol/'))
const tests = sourceFiles('test/**/*.ts')
const code = [...src, ...tests, ...sourceFiles('bench/**/*.ts', 'enclave-images/**/*.ts', 'bin/*.js')]

describe('the project', () => {
  it('is there to be judged', () => {
    expect(src.length).toBeGreaterThan(50)
    expect(protocol.length).toBeGreaterThan(20)
    expect(tests.length).toBeGreaterThan(5)
  })

  it('imports downwards only', () => expect(rules.wrongDirections(src)).toEqual([]))
  it('keeps src/protocol to noble and msgpackr', () => expect(rules.wrongPackages(protocol)).toEqual([]))
  it('keeps clocks, randomness and the platform out of src/protocol', () => expect(rules.impurities(protocol)).toEqual([]))
  it('keeps time and chance of their own out of actors and coordinator', () => expect(rules.ownTime(src)).toEqual([]))
  it('C-02 compares no bytes by anything that stops at the first difference', () => expect(rules.earlyExits(src)).toEqual([]))
  it('has distinct, prefix-free domain tags', () => expect(rules.tagClashes(TAGS)).toEqual([]))
  it('uses every domain tag', () => expect(rules.unusedTags(TAGS, src)).toEqual([]))
  it('has files that fit into a head', () => expect(rules.tooLong(code)).toEqual([]))
  it('names files after what they hold', () => expect(rules.badNames(code)).toEqual([]))
  it('explains every folder of src', () =>
    expect(rules.foldersWithoutReadme(foldersOf(src, 'src'), sourceFiles('src/**/README.md'))).toEqual([]))
  it('leaves nothing unfinished', () => expect(rules.leftovers([...code, ...sourceFiles('**/*.md', '.ci/run')])).toEqual([]))
  it('has no test that does not run', () => expect(rules.idleTests(tests)).toEqual([]))
  it('pins every dependency and no registry, so that npm ci works everywhere', () => {
    const read = (name: string): string => readFileSync(`${ROOT}${name}`, 'utf8')
    expect(rules.looseDependencies(read('package.json'), read('package-lock.json'))).toEqual([])
    expect(rules.gapsInLock(read('package-lock.json'))).toEqual([])
  })
})
