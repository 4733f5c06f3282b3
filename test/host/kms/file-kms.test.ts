import { execFileSync } from 'node:child_process'
import { chmodSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createMasterKey, fileKms } from '../../../src/host/kms/file-kms.ts'
import { otherProcess, outputOf, scratch } from '../store/scratch.ts'

const at = scratch()
const CONTEXT = { set: 'set_1', party: '2' }
const DATA_KEY = new Uint8Array(32).fill(5)

const codeOf = (work: () => unknown): unknown => {
  try {
    work()
    return 'done'
  } catch (error) {
    return (error as { code?: unknown }).code ?? error
  }
}

describe('a master key in a file', () => {
  it('is made once, random and for its owner only', () => {
    expect([createMasterKey(at('master')), createMasterKey(at('other'))]).toEqual([true, true])
    const [key, other] = [readFileSync(at('master')), readFileSync(at('other'))]
    expect([key.length, key.equals(other), statSync(at('master')).mode & 0o777]).toEqual([32, false, 0o600])
    expect(createMasterKey(at('master'))).toBe(false)
    expect(readFileSync(at('master')).equals(key)).toBe(true)
  })

  it('opens what it wrapped, after a restart too', async () => {
    createMasterKey(at('master'))
    const wrapped = await fileKms(at('master')).wrap(DATA_KEY, CONTEXT)
    expect(Buffer.from(wrapped).includes(Buffer.from(DATA_KEY))).toBe(false)
    expect(await fileKms(at('master')).unwrap(wrapped, { party: '2', set: 'set_1' })).toEqual(DATA_KEY)
  })

  it('does not open for another context, another key or changed bytes', async () => {
    createMasterKey(at('master'))
    createMasterKey(at('other'))
    const kms = fileKms(at('master'))
    const wrapped = await kms.wrap(DATA_KEY, CONTEXT)
    const refused = { code: 'UNWRAP_FAILED' }
    for (const context of [
      {},
      { ...CONTEXT, party: '3' },
      { set: 'set_1' },
      { ...CONTEXT, x: '' },
      { set: 'set_12', party: '' },
    ]) {
      await expect(kms.unwrap(wrapped, context)).rejects.toMatchObject(refused)
    }
    await expect(fileKms(at('other')).unwrap(wrapped, CONTEXT)).rejects.toMatchObject(refused)
    for (let i = 0; i < wrapped.length; i++) {
      const changed = Uint8Array.from(wrapped)
      changed[i] = (changed[i] ?? 0) ^ 1
      await expect(kms.unwrap(changed, CONTEXT)).rejects.toMatchObject(refused)
    }
    await expect(kms.unwrap(new Uint8Array(0), CONTEXT)).rejects.toMatchObject(refused)
  })

  it('is refused when it is missing, too short, too long or open to others', () => {
    expect(codeOf(() => fileKms(at('master')))).toBe('MASTER_KEY_MISSING')
    for (const length of [0, 31, 33]) {
      writeFileSync(at('master'), new Uint8Array(length), { mode: 0o600 })
      expect(codeOf(() => fileKms(at('master')))).toBe('MASTER_KEY_MALFORMED')
    }
    createMasterKey(at('shared'))
    for (const mode of [0o640, 0o604, 0o620, 0o602, 0o610, 0o601]) {
      chmodSync(at('shared'), mode)
      expect(codeOf(() => fileKms(at('shared')))).toBe('MASTER_KEY_UNSAFE')
      // Not mended in silence: the key may have been read.
      expect(statSync(at('shared')).mode & 0o777).toBe(mode)
    }
    symlinkSync(at('shared'), at('link'))
    expect(codeOf(() => fileKms(at('link')))).toBe('MASTER_KEY_UNSAFE')
    chmodSync(at('shared'), 0o400)
    expect(codeOf(() => fileKms(at('link')))).toBe('done')
  })

  it('that is a named pipe is refused at once, and so is any other secret: a host that waits for a writer cannot be stopped', async () => {
    execFileSync('mkfifo', ['-m', '600', at('pipe')])
    const child = otherProcess(
      { fileKms: '../../../src/host/kms/file-kms.ts', readSecretFile: '../../../src/host/config/secret-file.ts' },
      `for (const read of [fileKms, readSecretFile]) try { read(${JSON.stringify(at('pipe'))}, 99) } catch (e) { console.log(e.code ?? e.message) }`,
    )
    const late = setTimeout(() => child.kill('SIGKILL'), 20_000)
    expect((await outputOf(child)).split('\n')).toEqual(['MASTER_KEY_MALFORMED', `${at('pipe')} is not a file`])
    clearTimeout(late)
  })

  it('is judged at each use', async () => {
    createMasterKey(at('master'))
    const kms = fileKms(at('master'))
    chmodSync(at('master'), 0o644)
    await expect(kms.wrap(DATA_KEY, CONTEXT)).rejects.toMatchObject({ code: 'MASTER_KEY_UNSAFE' })
  })
})
