import { describe, expect, it } from 'vitest'
import { importsOf, plainCode } from './plain-code.ts'
import * as rules from './rules.ts'
import { foldersOf, type SourceFile } from './source-files.ts'

const file = (path: string, text = ''): SourceFile => ({ path, text })

/** A rule that nothing can break proves nothing: each is shown something bad, and something good that looks like it. */
describe('wrongDirections', () => {
  const breaks = (path: string, target: string) => rules.wrongDirections([file(path, `import { x } from '${target}'`)])

  it.each([
    ['src/protocol/engine/bytes.ts', '../../actors/mailbox.ts'],
    ['src/protocol/engine/bytes.ts', '../../host/log.ts'],
    ['src/actors/mailbox.ts', '../transport/peer.ts'],
    ['src/actors/mailbox.ts', '../host/log.ts'],
    ['src/transport/peer.ts', '../actors/mailbox.ts'],
    ['src/host/main.ts', '../../test/simulator/world.ts'],
    ['src/extra/thing.ts', './other.ts'],
  ])('%s must not import %s', (path, target) => expect(breaks(path, target)).toHaveLength(1))

  it.each([
    ['src/host/roles/signer.ts', '../../actors/worker-pool.ts'],
    ['src/host/roles/signer.ts', '../../protocol/engine/bytes.ts'],
    ['src/transport/peer.ts', './frame.ts'],
    ['src/actors/mailbox.ts', '../protocol/engine/bytes.ts'],
    ['src/actors/mailbox.ts', 'piscina'],
  ])('%s may import %s', (path, target) => expect(breaks(path, target)).toEqual([]))

  it('sees types, dynamic imports, re-exports and worker entries', () => {
    const text = `import type { A } from '../transport/a.ts'
      export { b } from '../transport/b.ts'
      const c = await import('../transport/c.ts')
      const d = new URL('../transport/d.ts', import.meta.url)
      import '../transport/e.ts'`
    expect(rules.wrongDirections([file('src/actors/x.ts', text)])).toHaveLength(5)
  })
})

describe('wrongPackages', () => {
  it.each(['node:crypto', 'zod', 'crypto', '@scure/base'])('refuses %s', (name) =>
    expect(rules.wrongPackages([file('src/protocol/x.ts', `import y from '${name}'`)])).toHaveLength(1),
  )
  it.each(['@noble/hashes/sha2.js', 'msgpackr', './y.ts'])('lets %s pass', (name) =>
    expect(rules.wrongPackages([file('src/protocol/x.ts', `import y from '${name}'`)])).toEqual([]),
  )
})

describe('impurities', () => {
  it.each([
    'Date.now()',
    'new Date(0)',
    'Math.random()',
    'Math\n.random()',
    'process.env',
    'Buffer.from(a)',
    'console.log(a)',
    'setTimeout(f)',
    'globalThis.x',
    '`$' + '{Date.now()}`',
  ])('refuses %s', (code) =>
    expect(rules.impurities([file('src/protocol/x.ts', `const a = ${code.replace('\n', '')}`)])).toHaveLength(1),
  )
  it.each([
    '// Date',
    '/* process\n exits */ 1',
    "'Buffer'",
    '`console`',
    '/Date/.test(a)',
    'Math.max(1, 2)',
    'processed',
    'a / b / c',
  ])('lets %s pass', (code) => expect(rules.impurities([file('src/protocol/x.ts', `const a = ${code}`)])).toEqual([]))
  it('names the line', () =>
    expect(rules.impurities([file('src/protocol/x.ts', '/*\n*/\nDate')])).toEqual([
      'src/protocol/x.ts:3: src/protocol must not use Date',
    ]))
})

describe('ownTime', () => {
  it.each(['Date.now()', 'setTimeout(f)', 'setImmediate(f)', 'performance.now()', 'randomBytes(1)'])('refuses %s', (code) => {
    expect(rules.ownTime([file('src/actors/x.ts', `const a = ${code}`)])).toHaveLength(1)
    expect(rules.ownTime([file('src/host/coordinator/x.ts', `const a = ${code}`)])).toHaveLength(1)
  })
  it('lets the files pass that make it, and those that are never simulated', () => {
    const paths = ['src/actors/timers.ts', 'src/actors/worker-pool.ts', 'src/actors/worker-entry.ts', 'src/host/roles/signer.ts']
    expect(rules.ownTime(paths.map((path) => file(path, 'const a = setTimeout(f)')))).toEqual([])
  })
})

describe('C-02 earlyExits', () => {
  it.each([
    'a.equals(b)',
    'Buffer.compare(a, b)',
    'compareBytes(a, b) === 0',
    'a.every((byte, i) => byte === b[i])',
    'a.some((byte, i) => byte !== b[i])',
    'toHex(a) === toHex(b)',
    'b === toHex(a)',
  ])('refuses %s', (code) =>
    expect(rules.earlyExits([file('src/protocol/x.ts', `const same = ${code}`)]).length).toBeGreaterThan(0),
  )
  it.each(['equalBytes(a, b)', 'timingSafeEqual(a, b)', 'list.sort(compareBytes)', 'a.length === b.length', "name === 'm'"])(
    'lets %s pass',
    (code) => expect(rules.earlyExits([file('src/protocol/x.ts', `const same = ${code}`)])).toEqual([]),
  )
})

describe('plainCode', () => {
  it('keeps code and drops texts, comments and patterns', () => {
    expect(plainCode(`a('b', "c") // d\ng = /[/'"]/.test(e) / f`)).toBe(`a('', '') \ng = / /.test(e) / f`)
    expect(plainCode('x = `a$' + '{b({ c: `d` })}e` + f')).toBe('x = `$' + '{b({ c: `` })}` + f')
    expect(plainCode(String.raw`'it\'s' + y`)).toBe("'' + y")
  })
})

describe('importsOf', () => {
  it('does not read comments', () => expect(importsOf("// from 'a'\n/* import 'b' */\nimport c from 'c'")).toEqual(['c']))
})

describe('tags', () => {
  it('refuses two equal tags', () => expect(rules.tagClashes({ a: 'q/x', b: 'q/x' })).toHaveLength(2))
  it('refuses a tag that begins another', () => expect(rules.tagClashes({ a: 'q/chain', b: 'q/chain-part' })).toHaveLength(1))
  it('lets siblings pass', () => expect(rules.tagClashes({ a: 'q/chain.', b: 'q/chain-part' })).toEqual([]))
  it('refuses an unused tag', () => {
    const uses = [file('src/a.ts', 'TH(TAGS.used, x) // TAGS.unused')]
    expect(rules.unusedTags({ used: 'u', unused: 'v' }, uses)).toEqual(['unused: used nowhere'])
  })
})

describe('house rules', () => {
  it('refuses 401 lines and lets 400 pass', () => {
    expect(rules.tooLong([file('a.ts', 'x\n'.repeat(401))])).toHaveLength(1)
    expect(rules.tooLong([file('a.ts', 'x\n'.repeat(400))])).toEqual([])
  })
  it.each([
    'src/host/utils.ts',
    'src/host/string-helpers.ts',
    'src/common/x.ts',
    'src/a/index.ts',
    'src/a/keyManager.ts',
    'src/a/key_store.ts',
    'src/a/session-manager.ts',
  ])('refuses the name %s', (path) => expect(rules.badNames([file(path)])).toHaveLength(1))
  it.each(['src/host/main.ts', 'test/host/key-page.test.ts', 'vitest.config.ts', 'src/protocol/dkls23/rvole.ts'])(
    'lets the name %s pass',
    (path) => expect(rules.badNames([file(path)])).toEqual([]),
  )
  it('misses a README', () => {
    const files = [file('src/a/x.ts'), file('src/b/c/y.ts'), file('src/z.ts')]
    expect(foldersOf(files, 'src')).toEqual(['src/a', 'src/b', 'src/b/c'])
    expect(rules.foldersWithoutReadme(['src/a', 'src/b'], [file('src/a/README.md')])).toEqual(['src/b: has no README.md'])
  })
  it('finds unfinished work and silenced types', () => {
    const bad = [`// TO${'DO'}: later`, `// FIX${'ME'}`, `// @ts-${'ignore'}`]
    expect(rules.leftovers(bad.map((text) => file('a.ts', `ok\n${text}`)))).toHaveLength(3)
    expect(rules.leftovers([file('a.ts', 'const todos = 1 // @ts-expect-error')])).toEqual([])
  })
  it.each(['skip', 'only', 'todo'])('finds it.%s', (word) =>
    expect(rules.idleTests([file('a.test.ts', `it.${word}('x')`)])).toHaveLength(1),
  )
  it('lets skipIf pass', () => expect(rules.idleTests([file('a.test.ts', "it.skipIf(absent)('it.skip')")])).toEqual([]))
  it('finds floating versions and registries', () => {
    const manifest = JSON.stringify({ dependencies: { a: '^1.0.0', b: '1.0.0' }, devDependencies: { c: 'latest' } })
    expect(rules.looseDependencies(manifest, '{ "resolved": "x" }')).toHaveLength(3)
    expect(rules.looseDependencies(manifest, '{}')).toHaveLength(2)
  })
  it('finds what npm ci would miss', () => {
    const lock = (more: object) =>
      JSON.stringify({
        packages: {
          '': { dependencies: { a: '1.0.0' } },
          'node_modules/a': { integrity: 'x', dependencies: { b: '1' }, optionalDependencies: { c: '1' } },
          'node_modules/a/node_modules/b': { integrity: 'x', dependencies: { c: '1' } },
          ...more,
        },
      })
    expect(rules.gapsInLock(lock({ 'node_modules/c': { integrity: 'x' } }))).toEqual([])
    expect(rules.gapsInLock(lock({}))).toHaveLength(2)
    expect(rules.gapsInLock(lock({ 'node_modules/c': {} }))).toEqual(['package-lock.json: node_modules/c has no integrity'])
    expect(rules.gapsInLock(lock({ 'node_modules/a/node_modules/c': { integrity: 'x' } }))).toEqual([])
  })
})
