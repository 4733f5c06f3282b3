// The module as its host sees it: places in its memory, and what is done there.

import { wipeColumns } from './columns'
import { wipeDigest } from './digest'
import { wipeLanes } from './digest-lanes'
import { wipeMultiplication } from './multiplication'
import { wipeScalars } from './scalars'

export { hashBegin, hashEnd, hashUpdate, INPUT } from './digest'
export { CHI, CHOICES, combine, combineAll, KEYS, MASKED, MATRIX, receiverColumn, senderColumn, stream, SUMS, transpose } from './columns'
export { MODULUS } from './scalars'
export {
  ALPHA, areCanonical, BETA, checkInputs, chooseSum, DELTA, GADGET, makeGadget, PAD_KEY, receive, ROWS, SCALARS, send, senderValues, setTheta, startPads,
  TRANSFERS, VALUES,
} from './multiplication'

/** Everything secret; `length` is that of the longest columns since the last time. */
export function wipe(length: usize): void {
  wipeDigest()
  wipeColumns(length)
  wipeLanes()
  wipeScalars()
  wipeMultiplication()
}
