import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from './source-files.ts'

const BAD: Readonly<Record<string, { readonly code: string; readonly rule: string }>> = {
  promise: { code: "import { later } from './later.ts'\n\nlater()\n", rule: 'noFloatingPromises' },
  method: {
    code: "import type { Host } from './later.ts'\n\nexport function stop(host: Host): void {\n  host.close()\n}\n",
    rule: 'noFloatingPromises',
  },
  any: { code: 'export const value: any = 1\n', rule: 'noExplicitAny' },
  console: { code: 'console.log(1)\n', rule: 'noConsole' },
  barrel: { code: "export { later } from './later.ts'\n", rule: 'noBarrelFile' },
  enumeration: { code: 'export enum Colour {\n  Red,\n}\n', rule: 'noEnum' },
  assertion: { code: 'export const first = (list: string[]) => list[0]!.length\n', rule: 'noNonNullAssertion' },
  keyValue: { code: 'export const one = 1\n', rule: 'useFilenamingConvention' },
}
const GOOD = "import { later } from './later.ts'\n\nawait later()\nvoid later()\n"
const LATER = 'export interface Host {\n  close(): Promise<void>\n}\nexport async function later(): Promise<void> {}\n'

/** What the linter says of files outside the project, by the project's own settings. */
function lint(): string {
  const directory = mkdtempSync(join(tmpdir(), 'quorate-lint-'))
  try {
    copyFileSync(join(ROOT, 'biome.json'), join(directory, 'biome.json'))
    writeFileSync(join(directory, 'later.ts'), LATER)
    writeFileSync(join(directory, 'good.ts'), GOOD)
    for (const [name, { code }] of Object.entries(BAD)) writeFileSync(join(directory, `${name}.ts`), code)
    const biome = join(ROOT, 'node_modules', '@biomejs', 'biome', 'bin', 'biome')
    const { stdout, stderr } = spawnSync(process.execPath, [biome, 'lint', '--colors=off', '--max-diagnostics=100'], {
      cwd: directory,
      encoding: 'utf8',
    })
    return stdout + stderr
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

// The rule for floating promises is young in biome ("nursery"): an upgrade that drops or renames it must not go unnoticed.
describe('the linter', () => {
  let said = ''
  beforeAll(() => {
    said = lint()
  })
  it.each(Object.entries(BAD))('refuses %s.ts', (name, { rule }) =>
    expect(said).toMatch(new RegExp(`^${name}\\.ts(?::\\d+:\\d+)? lint/\\w+/${rule} `, 'm')),
  )
  it('lets a promise pass that is waited for, or dropped on purpose', () => expect(said).not.toMatch(/^good\.ts/m))
})
