import { writeFileSync } from 'node:fs'
import { LIED_TO, negativeVectors } from './negative.ts'
import { scenes, setups, setupVectors, signingVectors } from './vectors.ts'

/** Writes ../vectors/*.json. Run it after a deliberate change of the protocol only, with a new VERSION. */

const write = (name: string, data: object): void =>
  writeFileSync(new URL(`../vectors/${name}.json`, import.meta.url), `${JSON.stringify(data, null, 1)}\n`)

const all = setups()
write('setups', setupVectors(all))
write('signing', signingVectors(scenes(all)))
write('lies', negativeVectors(scenes(all, LIED_TO)))
