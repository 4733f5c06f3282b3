import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { ANSWER } from '../../../src/protocol/frost/sign.ts'
import { FROST_SCHEMES, frostPlan, makeFrostCase } from '../../protocol/frost/frost-run.ts'
import { bytes32, type DealtKey } from '../../protocol/signing/dealt-key.ts'
import { agreeing, answersTarget } from '../answers-target.ts'
import type { FuzzTarget } from '../target.ts'
import { ATTACKER, stage } from '../victims.ts'

const SIGNERS: readonly PartyId[] = [1, ATTACKER]

/** The assembler of FROST with a malicious signer's commitments and shares: shares are judged one by one, so the named one has to be it. */
export function open(): FuzzTarget {
  const stages = FROST_SCHEMES.map((scheme) => {
    const frost = makeFrostCase({ scheme, signers: SIGNERS, inputs: [bytes32('a'), bytes32('b')], seed: `fuzz/${scheme}` })
    const items = frost.items.map((item, b) => {
      const { verifyingShares } = frost.keys[b] as DealtKey
      return { ...item, verifyingShares: SIGNERS.map((id) => verifyingShares.get(id) as Uint8Array) }
    })
    const command = { engine: 'frost', threshold: frost.threshold, kids: [], tickets: [], items }
    return { at: stage(frostPlan(frost)), scheme, signers: SIGNERS, items: frost.items, command, agree: agreeing(ANSWER, 'view') }
  })
  return answersTarget(stages, ['signed,signed', 'FROST_VIEW', 'FROST_MALFORMED proven', 'signed,FROST_SHARE proven'])
}
