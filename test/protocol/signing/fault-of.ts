import { Fault, type FaultCode } from '../../../src/protocol/engine/fault.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'

/** What the caller of a failing step got. @throws when it does not fail with a Fault. */
export function faultOf(step: () => unknown): { readonly code: FaultCode; readonly culprits: readonly PartyId[] } {
  try {
    step()
  } catch (error) {
    if (error instanceof Fault) return { code: error.code, culprits: error.culprits }
    throw error
  }
  throw new Error('the step did not fail')
}
