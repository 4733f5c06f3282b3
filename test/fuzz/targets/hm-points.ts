import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { contentDigest, decodeEnvelope, type Envelope, encodeEnvelope, macInput } from '../../../src/protocol/channel/envelope.ts'
import type { Generation } from '../../../src/protocol/prss/generation.ts'
import { hmPlan, makeHmCase } from '../../protocol/hm/hm-run.ts'
import { bytes32 } from '../../protocol/signing/dealt-key.ts'
import { broadcastIn, honestExchanges } from '../bodies.ts'
import { bit, pack, partOf, unpack } from '../container.ts'
import { CURVE_WORDS } from '../curve-words.ts'
import { type FuzzTarget, promise } from '../target.ts'
import { ATTACKER, attackerAt, honestMail, sealed, stage, standing, victimAt } from '../victims.ts'

const VICTIM = 1

/** Round 1 of H2 on the light channel. Bit 0: MACs are right and the signature is not, so nobody can be convinced of anything. Bit 1: two versions. */
export function open(): FuzzTarget {
  const hm = makeHmCase({ seed: 'fuzz/hm', digests: [bytes32('a'), bytes32('b')] })
  const at = stage(hmPlan(hm))
  const channel = attackerAt(at, 1)
  const mac = (hm.generations.get(ATTACKER) as Generation).pairs.get(VICTIM)?.mac as Uint8Array
  const unsigned = (bytes: Uint8Array): Uint8Array => {
    const envelope = decodeEnvelope(bytes) as Envelope
    const signature = new Uint8Array(64)
    const input = macInput({ signature }, contentDigest(envelope, envelope.body))
    return encodeEnvelope({ ...envelope, signature, macs: new Map([[VICTIM, hmac(sha256, mac, input)]]) })
  }
  return {
    maxLength: 2048,
    dictionary: CURVE_WORDS,
    seeds: () => {
      const honest = broadcastIn(honestExchanges(at.plan)[0])
      return new Map([
        ['honest', pack(0, honest)],
        ['nonsense', pack(0, Uint8Array.of(1))],
        ['unsigned', pack(1, honest)],
        ['unsigned-nonsense', pack(1, Uint8Array.of(1))],
        ['two-versions', pack(2, honest, Uint8Array.of(1))],
        ['two-unsigned-versions', pack(3, honest, Uint8Array.of(1))],
      ])
    },
    reaches: ['done', 'HM_R_MALFORMED', 'HM_R_MALFORMED proven', 'EQUIVOCATION', 'EQUIVOCATION proven'],
    run: (input) => {
      const container = unpack(input)
      const bodies = [partOf(container, 0), ...(bit(container, 1) ? [partOf(container, 1)] : [])]
      const signed = bodies.flatMap((broadcast) => sealed(channel, 1, { broadcast }))
      const attack = bit(container, 0) ? signed.map(unsigned) : signed
      const victim = victimAt(at, VICTIM, 1)
      const outcome = standing(victim.receive([...attack, ...honestMail(at, VICTIM, 1)]))
      promise(!bit(container, 0) || !outcome.endsWith('proven'), `${outcome} without a signature to prove it with`)
      victim.stop()
      return outcome
    },
  }
}
