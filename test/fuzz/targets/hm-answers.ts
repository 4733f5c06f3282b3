import { ANSWER } from '../../../src/protocol/hm/sign.ts'
import { assemblyOf, hmPlan, makeHmCase } from '../../protocol/hm/hm-run.ts'
import { bytes32 } from '../../protocol/signing/dealt-key.ts'
import { agreeing, answersTarget } from '../answers-target.ts'
import type { FuzzTarget } from '../target.ts'
import { stage } from '../victims.ts'

/** The assembler of H2 with a malicious signer's opening and answer. */
export function open(): FuzzTarget {
  const hm = makeHmCase({ seed: 'fuzz/hm', digests: [bytes32('a'), bytes32('b')] })
  const at = stage(hmPlan(hm))
  const { kids, tickets, threshold } = assemblyOf(hm, at.run)
  const items = hm.items.map((item) => ({ ...item, verifyingShares: [] }))
  const command = { engine: 'hm', threshold, kids, tickets, items }
  return answersTarget(
    [{ at, scheme: 'ecdsa-secp256k1', signers: hm.signers, items: hm.items, command, agree: agreeing(ANSWER, 'bind') }],
    ['signed,signed', 'HM_VIEW', 'HM_SHARE_MALFORMED proven', 'signed,HM_SIG_INVALID'],
  )
}
