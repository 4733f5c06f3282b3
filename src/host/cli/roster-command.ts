import { writeFileSync } from 'node:fs'
import { z } from 'zod'
import { toHex } from '../../protocol/engine/bytes.ts'
import { readJsonFile } from '../config/json-file.ts'
import { formatRosterFile, makeRosterFile, ROSTER_SIGNER } from '../config/roster-file.ts'
import { integer } from '../config/setting.ts'
import { command, UsageError } from './command.ts'

/** A signer's ids as `quorate init` prints them. */
const SIGNER_IDS = ROSTER_SIGNER.extend({ role: z.literal('signer').optional() })

export const rosterCreateCommand = command({
  name: 'roster create',
  about: 'Builds the roster of a set and prints its hash, which every host and gateway pins as QUORATE_ROSTER_HASH.',
  options: {
    out: { value: 'FILE', about: 'roster file to write; must not exist' },
    epoch: { value: 'N', about: 'number of this roster; 1 if absent, higher after a change' },
    audience: { value: 'ID', about: 'audience (set_...) of the set’s first roster; for every later one' },
  },
  positionals: 'SIGNER.json...',
  run: async ({ out, epoch = '1', audience }, files) => {
    if (out === undefined) throw new UsageError('give --out, the roster file to write')
    if (files.length < 2) throw new UsageError('give the files of at least two signers, as quorate init printed them')
    const number = integer(1, 2 ** 32 - 1).schema.safeParse(epoch)
    if (!number.success) throw new UsageError(`--epoch is "${epoch}"; allowed: a positive integer`)
    const signers = files.map((file) => readJsonFile(file, SIGNER_IDS))
    const roster = attempt(() => makeRosterFile(number.data, signers, audience))
    writeFileSync(out, formatRosterFile(roster), { flag: 'wx' })
    console.log(`QUORATE_ROSTER_HASH=${toHex(roster.roster.hash)}`)
    console.error(`${out}: ${signers.length} signers, epoch ${number.data}, audience ${roster.audience}`)
    return 0
  },
})

function attempt<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof RangeError) throw new Error(`these signers do not make a roster: ${error.message}`)
    throw error
  }
}
