import { expect, it } from 'vitest'
import { numbered } from '../signing/dealt-key.ts'
import { conspiracy } from './conspiracy.ts'
import { assembleRun, runDkls } from './dkls-run.ts'
import { expectBatch } from './verify-signature.ts'

/** test/long has thousands. */
const RUNS = 120

it('O-12, 14.5 everything: never a ban between two honest signers, never a signature on what was not approved; the keys sign afterwards', () => {
  const { c, play } = conspiracy()
  const seen = numbered('run', RUNS).map(play)
  // The lies reach every check; else this shows nothing.
  const codes = new Set(seen.flatMap((end) => end.split(', ').map((one) => one.split(' ')[0])))
  for (const code of [
    'done',
    'OTE_CHECK',
    'RVOLE_CHECK',
    'EC_CHECK_U',
    'SIGN_MALFORMED',
    'SIGN_COMMIT',
    'INCONSISTENT_BROADCAST',
    'TIMEOUT',
  ])
    expect(codes).toContain(code)
  expectBatch(c, assembleRun(c, runDkls(c, { name: 'afterwards' })))
}, 120_000)
