import { existsSync, readFileSync } from 'node:fs'

const SOURCES = new URL('../../../src/protocol/dkls23/kernel/', import.meta.url)
const MODULE = new URL('kernel-module.ts', SOURCES)

/** In pages of 64 KiB: what the places in the sources need, and no more. */
const MEMORY = ['--initialMemory', '16', '--maximumMemory', '16']

/** The sources end in .as, because nothing else that reads .ts files here knows their language; the compiler asks for .ts. */
const sourceOf = (name: string): URL => new URL(name.replace(/\.ts$/, '.as'), SOURCES)

/** The module that the sources compile to. @throws Error with the compiler's words. */
export async function compileKernel(): Promise<Uint8Array> {
  const { default: asc } = await import('assemblyscript/asc')
  const outputs = new Map<string, string | Uint8Array>()
  // AS201 warns of what 64-bit addresses would need.
  const options = [
    '-O3',
    '--noAssert',
    '--runtime',
    'stub',
    '--enable',
    'simd',
    '--disableWarning',
    '201',
    ...MEMORY,
    '-o',
    'kernel.wasm',
  ]
  const { error, stderr } = await asc.main(['kernel.ts', ...options], {
    readFile: (name) => (existsSync(sourceOf(name)) ? readFileSync(sourceOf(name), 'utf8') : null),
    writeFile: (name, contents) => {
      outputs.set(name, contents)
    },
    listFiles: () => [],
  })
  const module = outputs.get('kernel.wasm')
  if (error !== null || !(module instanceof Uint8Array)) throw new Error(stderr.toString())
  return Uint8Array.from(module)
}

/** The text of kernel-module.ts. */
export function moduleText(module: Uint8Array): string {
  const lines =
    Buffer.from(module)
      .toString('hex')
      .match(/.{1,120}/g) ?? []
  return [
    '/** The WebAssembly module that the sources beside this file compile to (`npm run kernel`). */',
    'export const KERNEL_HEX = [',
    ...lines.map((line) => `  '${line}',`),
    "].join('')",
    '',
  ].join('\n')
}

export const MODULE_FILE = MODULE
