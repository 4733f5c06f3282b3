import { equalBytes } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import type { Exchange } from '../../../src/protocol/engine/round.ts'
import { assembleCertificate, CERTIFICATE, verifyCertificate } from '../../../src/protocol/keygen/certificate.ts'
import type { PendingKey } from '../../../src/protocol/keygen/dkg.ts'
import { COMMIT, revealCodec, revealCommitment } from '../../../src/protocol/keygen/messages.ts'
import { groupOf } from '../../../src/protocol/keygen/scheme.ts'
import { runSession } from '../../simulator/run-session.ts'
import { broadcastIn, directTo, honestExchanges } from '../bodies.ts'
import { bit, type Container, pack, partOf, unpack } from '../container.ts'
import { CURVE_WORDS } from '../curve-words.ts'
import { DKG_WORLD, dkgPlan, dkgStage, schemeOf } from '../dkg-world.ts'
import { type FuzzTarget, promise } from '../target.ts'
import { ATTACKER, assertFair } from '../victims.ts'

const HONEST: readonly PartyId[] = [1, 2]

/** The attacker commits to the reveal that it is going to show, if that is one. */
function fittingCommitment(c: Container, sessionId: Uint8Array): Uint8Array | undefined {
  try {
    const reveal = revealCodec(groupOf(schemeOf(bit(c, 0)), DKG_WORLD.curves)).decode(partOf(c, 1))
    return COMMIT.encode({ commitment: revealCommitment(sessionId, ATTACKER, reveal) })
  } catch {
    return undefined
  }
}

/**
 * Bit 0: which curve. Bit 1: the commitment fits the reveal. Parts: commitment, reveal, share to 1, share to 2, verdict; an empty part is
 * said honestly.
 */
function bend(exchange: Exchange<PendingKey>, round: number, c: Container, sessionId: Uint8Array): Exchange<PendingKey> {
  const said = (index: number, honest: Uint8Array): Uint8Array => (partOf(c, index).length > 0 ? partOf(c, index) : honest)
  const broadcast = broadcastIn(exchange)
  if (round === 1)
    return { ...exchange, broadcast: (bit(c, 1) ? fittingCommitment(c, sessionId) : undefined) ?? said(0, broadcast) }
  if (round === 3) return { ...exchange, broadcast: said(4, broadcast) }
  const direct = new Map(HONEST.map((id) => [id, said(1 + id, directTo(exchange, id))]))
  return { ...exchange, broadcast: said(1, broadcast), direct }
}

/** A whole key generation with a malicious dealer: what the honest ones end with has to fit together (decisions.md 3). */
export function open(): FuzzTarget {
  return {
    maxLength: 4096,
    dictionary: CURVE_WORDS,
    seeds: () => {
      const seeds = new Map<string, Uint8Array>()
      const none = new Uint8Array(0)
      for (const ed of [false, true]) {
        const [first, second, third] = honestExchanges(dkgPlan(schemeOf(ed)))
        const name = schemeOf(ed)
        const shares = [directTo(second, 1), directTo(second, 2)] as const
        seeds.set(`${name}-honest`, pack(Number(ed) + 2, none, none, none, none, none))
        seeds.set(`${name}-all`, pack(Number(ed), broadcastIn(first), broadcastIn(second), ...shares, broadcastIn(third)))
        seeds.set(`${name}-swapped-shares`, pack(Number(ed), none, none, shares[1], shares[0], none))
        seeds.set(`${name}-bad-share-for-one`, pack(Number(ed), none, none, none, shares[0], none))
        seeds.set(`${name}-fitting`, pack(Number(ed) + 2, none, broadcastIn(second), none, none, none))
      }
      return seeds
    },
    reaches: ['done,done', 'DKG_SHARE 3,DKG_SHARE 3'],
    run: (input) => {
      const container = unpack(input)
      const scheme = schemeOf(bit(container, 0))
      const { sessionId } = dkgStage(scheme).run
      const hooks = { send: (e: Exchange<PendingKey>, round: number) => bend(e, round, container, sessionId) }
      const run = runSession(dkgPlan(scheme, { id: ATTACKER, hooks }))
      const group = groupOf(scheme, DKG_WORLD.curves)
      return HONEST.map((id) => {
        const end = run.ends.get(id)
        if (end?.type !== 'done') {
          if (end !== undefined) assertFair(end.fault)
          return end === undefined ? 'no end' : [end.fault.code, ...end.fault.culprits].join(' ')
        }
        const { certificate } = end.result
        promise(verifyCertificate(certificate, DKG_WORLD.roster, DKG_WORLD.curves), 'a key whose certificate does not verify')
        const signatures = new Map(certificate.key.parties.map((party, i) => [party, certificate.signatures[i] as Uint8Array]))
        promise(
          assembleCertificate(certificate.key, signatures, DKG_WORLD.roster, DKG_WORLD.curves) !== null,
          'no certificate of its parts',
        )
        for (const other of HONEST) {
          const pending = run.commits.get(other)?.[0]
          promise(pending !== undefined, `${id} has a key that ${other} has not`)
          promise(equalBytes(pending.signature, signatures.get(other) as Uint8Array), `${other} stored another signature`)
          const expected = certificate.key.verificationShares[certificate.key.parties.indexOf(other)] as Uint8Array
          promise(equalBytes(group.baseMul(pending.secret.share), expected), `${other} holds a share of another key`)
          const otherEnd = run.ends.get(other)
          const same =
            otherEnd?.type !== 'done' ||
            equalBytes(CERTIFICATE.encode(otherEnd.result.certificate), CERTIFICATE.encode(certificate))
          promise(same, 'two certificates of one key generation')
        }
        return 'done'
      }).join()
    },
  }
}
