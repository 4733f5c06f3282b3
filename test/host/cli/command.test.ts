import { describe, expect, it } from 'vitest'
import { command, helpOf, runCommand } from '../../../src/host/cli/command.ts'
import { shellCommand } from '../../../src/host/cli/shell.ts'

const seen: unknown[] = []
const sample = command({
  name: 'sample',
  about: 'Does something.',
  options: { out: { value: 'FILE', about: 'where to' }, force: { about: 'really' } },
  positionals: 'WORD...',
  run: async (given, words) => {
    seen.push([given.out, given.force, words])
    return 7
  },
})
const plain = command({ name: 'plain', about: 'Nothing.', options: {}, run: async () => 0 })

describe('runCommand', () => {
  it('passes options and words on, and the exit code back', async () => {
    expect(await runCommand(sample, ['--out', 'a', 'b', '--force', 'c'])).toBe(7)
    expect(seen.at(-1)).toEqual(['a', true, ['b', 'c']])
  })

  it.each([
    [['--froce'], 'has no option --froce; did you mean --force?'],
    [['--wholly-different'], 'has no option --wholly-different'],
    [['--out'], 'argument missing'],
    [['--force=yes'], 'does not take an argument'],
  ])('refuses %j', (args, why) => expect(runCommand(sample, args)).rejects.toThrow(why))

  it('refuses words where none belong', () => expect(runCommand(plain, ['extra'])).rejects.toThrow('"plain" takes no "extra"'))
})

it('helpOf shows what there is', () => {
  const help = helpOf(sample)
  expect(help).toContain('Usage: quorate sample [options] WORD...')
  expect(help).toMatch(/--out FILE +where to\n +--force +really/)
})

it('shellCommand is read by a shell as it was', async () => {
  const words = ["it's", 'a b', '$HOME', '`x`', '"q"', '', '--env-file=/a/b.env', '*']
  const { execFileSync } = await import('node:child_process')
  const read = execFileSync('/bin/sh', ['-c', `printf '%s\\n' ${shellCommand(words)}`], { encoding: 'utf8' })
  expect(read.split('\n').slice(0, -1)).toEqual(words)
})
