import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Kernel } from '../../../src/protocol/dkls23/kernel/kernel.ts'
import { KERNEL_HEX } from '../../../src/protocol/dkls23/kernel/kernel-module.ts'
import { fromHex } from '../../../src/protocol/engine/bytes.ts'
import { compileKernel } from './compile-kernel.ts'

/** What a reviewer read. A change here means: read the sources again, then `npm run kernel`. */
const PINNED = 'a623f4865488cbfa83da54fa294eff3b6a1b722d7acf7b9b51fd7be16e2dbf6b'

const hasCompiler = existsSync(new URL('../../../node_modules/assemblyscript/package.json', import.meta.url))

describe('the kernel module', () => {
  it('is the one that was reviewed', () => {
    expect(createHash('sha256').update(fromHex(KERNEL_HEX)).digest('hex')).toBe(PINNED)
  })

  it.skipIf(!hasCompiler)('is what its sources compile to, byte for byte', { timeout: 60_000 }, async () => {
    expect(Buffer.from(await compileKernel()).toString('hex') === KERNEL_HEX).toBe(true)
  })

  it('asks nothing of its host, and its memory stays as it is', () => {
    const { memory } = new Kernel().exports as unknown as { memory: { buffer: ArrayBuffer; grow(pages: number): number } }
    expect(memory.buffer.byteLength).toBe(16 * 65_536)
    expect(() => memory.grow(1)).toThrow(RangeError)
  })
})
