import { writeFileSync } from 'node:fs'
import { allTitles, README, readmeWith } from './readme.ts'
import { REASONS } from './reasons.ts'
import { openRows } from './table.ts'

const titles = allTitles()
writeFileSync(README, readmeWith(titles))
const open = openRows(titles, REASONS)
process.stdout.write(`test/README.md written; ${open.length === 0 ? 'no row is open' : `open: ${open.join(', ')}`}\n`)
