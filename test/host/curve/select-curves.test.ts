import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { selectCurves } from '../../../src/host/curve/select-curves.ts'

const SELECT = new URL('../../../src/host/curve/select-curves.ts', import.meta.url).href

/** Runs a module in a Node of its own: this one has loaded the bindings already. It answers with one line of JSON. */
function inFreshNode(script: string): unknown {
  const prologue = `
    import { createRequire } from 'node:module'
    const require = createRequire(${JSON.stringify(SELECT)})
    const loaded = (part) => Object.keys(require.cache).filter((file) => file.includes(part)).length
    const answer = (value) => console.log(JSON.stringify(value))`
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', `${prologue}\n${script}`], { encoding: 'utf8' })
  expect(child.stderr).toBe('')
  return JSON.parse(child.stdout)
}

/** Makes the loading of matching binaries fail like a missing or foreign binary does, at the system call's door. */
const breakBinaries = (part: string): string => `
  const { dlopen } = process
  process.dlopen = (module, file, ...rest) => {
    if (file.includes('${part}')) throw new Error('wrong ELF class')
    return dlopen.call(process, module, file, ...rest)
  }`

describe('selectCurves', () => {
  it('gives what was asked for', () => {
    expect(selectCurves('noble').id).toBe('noble')
    expect(selectCurves('native').id).toBe('native')
  })

  // decisions.md 23: the main file of the package `secp256k1` falls back to `elliptic` in silence.
  it('never loads elliptic, in start and use', () => {
    const result = inFreshNode(`
      const { selectCurves } = await import(${JSON.stringify(SELECT)})
      const curves = selectCurves('native')
      const group = curves.secp256k1
      const point = group.mulPublic(group.baseMul(group.scalar(5)), group.scalar(7))
      const verdict = curves.ecdsaVerify(new Uint8Array(64), new Uint8Array(32), group.sum([point, group.generator]))
      const before = { binding: loaded('secp256k1.'), elliptic: loaded('elliptic') }
      require('secp256k1/elliptic.js')
      answer({ verdict, ...before, control: loaded('elliptic') > 0 })`)
    expect(result).toEqual({ verdict: false, binding: 1, elliptic: 0, control: true })
  })

  it.each([
    ['secp256k1', 'secp256k1/bindings.js'],
    ['sodium', 'sodium-native'],
  ])('refuses to start without the %s binary, and names the alternative', (part, binding) => {
    const result = inFreshNode(`${breakBinaries(part)}
      const { selectCurves } = await import(${JSON.stringify(SELECT)})
      let message = 'started'
      try {
        selectCurves('native')
      } catch (error) {
        message = error.message
      }
      answer({ message, elliptic: loaded('elliptic'), noble: selectCurves('noble').id })`) as Record<string, unknown>
    expect(result).toMatchObject({ elliptic: 0, noble: 'noble' })
    expect(result['message']).toContain(`the native binding ${binding} does not load on ${process.platform}-${process.arch}`)
    expect(result['message']).toContain('curve=noble')
  })

  it('noble loads no binary at all', () => {
    const result = inFreshNode(`
      process.dlopen = () => { throw new Error('no binary may be loaded') }
      const { selectCurves } = await import(${JSON.stringify(SELECT)})
      const { secp256k1 } = selectCurves('noble')
      answer(secp256k1.baseMul(secp256k1.scalar(1)).length)`)
    expect(result).toBe(33)
  })

  // Where it really runs: crypto workers, several of them beside the main thread, ended and started again.
  it('C-08 native works in several threads at once and after a thread has ended', async () => {
    const work = `
      const { parentPort } = require('node:worker_threads')
      import(${JSON.stringify(SELECT)}).then(({ selectCurves }) => {
        const curves = selectCurves('native')
        const results = [curves.secp256k1, curves.p256, curves.ed25519].map((group) => group.mulPublic(group.baseMul(group.scalar(6)), group.scalar(7)))
        parentPort.postMessage(results)
      })`
    const inWorker = async (): Promise<unknown> => {
      const worker = new Worker(work, { eval: true })
      const [results] = (await once(worker, 'message')) as [unknown]
      await worker.terminate()
      return results
    }
    const { secp256k1, p256, ed25519 } = selectCurves('noble')
    const expected = [secp256k1, p256, ed25519].map((group) => group.baseMul(group.scalar(42)))
    expect(await Promise.all([inWorker(), inWorker()])).toEqual([expected, expected])
    expect(await inWorker()).toEqual(expected)
    expect(selectCurves('native').ed25519.baseMul(ed25519.scalar(42))).toEqual(expected[2])
  })
})
