import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { whyOutdated, withInstallLock } from '../../bin/dependencies.js'
import { start } from '../host/process.ts'
import { temporaryDirectory } from '../host/temporary.ts'

type Packages = Record<string, object>
const LOCKED: Packages = {
  '': { name: 'quorate' },
  'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
  'node_modules/tool': { version: '2.0.0', integrity: 'sha512-t', dev: true },
  'node_modules/other-platform': { version: '3.0.0', integrity: 'sha512-o', optional: true },
  'node_modules/peer': { version: '4.0.0', integrity: 'sha512-p', peer: true },
}

function project(installed?: Packages): string {
  const root = temporaryDirectory()
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages: LOCKED }))
  if (installed !== undefined) {
    mkdirSync(join(root, 'node_modules'))
    writeFileSync(join(root, 'node_modules', '.package-lock.json'), JSON.stringify({ packages: installed }))
  }
  return root
}

const without = (...names: string[]): Packages =>
  Object.fromEntries(Object.entries(LOCKED).filter(([name]) => !names.includes(name)))
const why = (installed?: Packages, development = true) => whyOutdated(project(installed), { development })

describe('whyOutdated', () => {
  it('is content with what the lock file names', () => {
    expect(why(without(''))).toBeNull()
    expect(why(without('', 'node_modules/other-platform', 'node_modules/peer'))).toBeNull()
  })
  it('misses node_modules, a package, and what only checks need', () => {
    expect(why()).toBe('node_modules is missing')
    expect(why(without('', 'node_modules/a'))).toBe('node_modules/a is missing')
    expect(why(without('', 'node_modules/tool'))).toBe('node_modules/tool is missing')
    expect(why(without('', 'node_modules/tool'), false)).toBeNull()
  })
  it('sees another version, and another content of the same version', () => {
    expect(why({ ...LOCKED, 'node_modules/a': { version: '1.0.1', integrity: 'sha512-a' } })).toContain(
      'node_modules/a is not the version',
    )
    expect(why({ ...LOCKED, 'node_modules/a': { version: '1.0.0', integrity: 'sha512-b' } })).toContain(
      'node_modules/a is not the version',
    )
    expect(why({ ...LOCKED, 'node_modules/other-platform': { version: '9.0.0' } })).toContain('other-platform')
  })
  it('knows an incomplete copy of the project', () => {
    const root = project()
    rmSync(join(root, 'package-lock.json'))
    expect(() => whyOutdated(root, { development: false })).toThrow(/not a complete copy/)
  })
})

describe('withInstallLock', () => {
  it('lets one in at a time, and goes away', async () => {
    const lock = join(temporaryDirectory(), 'lock')
    let inside = 0
    let most = 0
    await Promise.all(
      Array.from({ length: 3 }, (_, i) =>
        withInstallLock(lock, async () => {
          inside += 1
          most = Math.max(most, inside)
          await new Promise((resolve) => setTimeout(resolve, 20 * i))
          inside -= 1
        }),
      ),
    )
    expect(most).toBe(1)
    expect(existsSync(lock)).toBe(false)
  })

  it('takes over from a start that died, and not from one that lives', async () => {
    const lock = join(temporaryDirectory(), 'lock')
    const dead = start(['-e', ''])
    await dead.ended
    writeFileSync(lock, String(dead.child.pid))
    let done = false
    await withInstallLock(lock, async () => {
      done = true
    })
    expect(done).toBe(true)

    const living = start(['-e', 'setTimeout(() => {}, 60_000)'])
    writeFileSync(lock, String(living.child.pid))
    done = false
    const waiting = withInstallLock(lock, async () => {
      done = true
    })
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(done).toBe(false)
    living.child.kill('SIGKILL')
    await waiting
    expect(done).toBe(true)
  })

  it('is let go when the work fails', async () => {
    const lock = join(temporaryDirectory(), 'lock')
    await expect(withInstallLock(lock, () => Promise.reject(new Error('no network')))).rejects.toThrow('no network')
    expect(existsSync(lock)).toBe(false)
  })
})

/** bringDependencies runs npm; here an npm of our own, so that the test needs no network. */
describe('bringing dependencies', () => {
  const LAUNCHER = readFileSync(new URL('../../bin/dependencies.js', import.meta.url), 'utf8')

  function run(npm: string, env: Record<string, string> = {}) {
    const root = project()
    mkdirSync(join(root, 'bin'))
    writeFileSync(join(root, 'package.json'), '{"type":"module"}')
    writeFileSync(join(root, 'bin', 'dependencies.js'), LAUNCHER)
    writeFileSync(join(root, 'bin', 'runtime.js'), readFileSync(new URL('../../bin/runtime.js', import.meta.url)))
    writeFileSync(join(root, 'npm-cli.js'), npm)
    const program = `import { bringDependencies } from './bin/dependencies.js'
      await bringDependencies(process.cwd(), { development: true }).catch((error) => { console.error(error.message); process.exitCode = 1 })
      console.log('result')`
    writeFileSync(join(root, 'main.js'), program)
    return start([join(root, 'main.js')], { npm_execpath: join(root, 'npm-cli.js'), ...env }, root)
  }

  const INSTALLS = `import { mkdirSync, writeFileSync } from 'node:fs'
    console.log('npm talks', process.argv.slice(2).join(' '))
    mkdirSync('node_modules')
    writeFileSync('node_modules/.package-lock.json', ${JSON.stringify(JSON.stringify({ packages: LOCKED }))})`

  it('says what it does on stderr, and keeps stdout for the command', async () => {
    const child = run(INSTALLS)
    expect(await child.ended).toBe(0)
    expect(child.out()).toBe('result\n')
    expect(child.err()).toMatch(/installing dependencies \(node_modules is missing\)/)
    expect(child.err()).toMatch(/npm talks ci --include=dev --include=optional/)
    expect(child.err()).toMatch(/installed in \d+ s/)
  })

  it('says what to look at when npm fails', async () => {
    const child = run('process.exit(7)')
    expect(await child.ended).toBe(1)
    expect(child.err()).toMatch(/npm ci failed with exit code 7[\s\S]*no network, a proxy or registry/)
  })

  it('does not believe an npm that leaves packages out', async () => {
    const child = run(INSTALLS.replace('node_modules/a', 'node_modules/b'))
    expect(await child.ended).toBe(1)
    expect(child.err()).toContain('npm ci ended well, and yet node_modules/a is missing')
  })

  it('refuses where installing is forbidden', async () => {
    const child = run(INSTALLS, { QUORATE_INSTALL: 'never' })
    expect(await child.ended).toBe(1)
    expect(child.err()).toContain('node_modules is missing, and QUORATE_INSTALL=never forbids installing')
  })
})
