import { expect, it } from 'vitest'
import { conspiracy } from '../protocol/dkls23/conspiracy.ts'
import { assembleRun, runDkls } from '../protocol/dkls23/dkls-run.ts'
import { expectBatch } from '../protocol/dkls23/verify-signature.ts'
import { numbered } from '../protocol/signing/dealt-key.ts'

const RUNS = 5000

it('O-12, 14.5 everything: coordinator and one signer in league against two honest ones, five thousand times', () => {
  const { c, play } = conspiracy()
  const seen = new Map<string, number>()
  for (const seed of numbered('long', RUNS)) {
    const end = play(seed)
    seen.set(end, (seen.get(end) ?? 0) + 1)
  }
  expect(seen.size).toBeGreaterThan(20)
  expectBatch(c, assembleRun(c, runDkls(c, { name: 'afterwards' })))
})
