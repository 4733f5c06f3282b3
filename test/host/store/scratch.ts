import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'

/** A directory of its own for each test of the calling file. @returns the path of a name in it */
export function scratch(): (name: string) => string {
  let directory = ''
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'quorate-store-'))
  })
  afterEach(() => {
    rmSync(directory, { recursive: true, force: true })
  })
  return (name) => join(directory, name)
}

/** Runs a module in another process; `imports` are paths relative to this folder, available under their names. */
export function otherProcess(imports: Readonly<Record<string, string>>, program: string, wrapper: string[] = []): ChildProcess {
  const lines = Object.entries(imports).map(
    ([names, path]) =>
      `import { ${names} } from ${JSON.stringify(path.startsWith('node:') ? path : new URL(path, import.meta.url).href)}`,
  )
  const command = [...wrapper, process.execPath, '--input-type=module', '-e', [...lines, program].join('\n')]
  return spawn(command[0] as string, command.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] })
}

/** What the process prints, line by line. */
export async function* linesOf(child: ChildProcess): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of child.stdout ?? []) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}

export async function outputOf(child: ChildProcess): Promise<string> {
  const lines: string[] = []
  for await (const line of linesOf(child)) lines.push(line)
  return lines.join('\n')
}
