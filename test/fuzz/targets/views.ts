import { isDeepStrictEqual } from 'node:util'
import { decodeEnvelope } from '../../../src/protocol/channel/envelope.ts'
import { settleViews } from '../../../src/protocol/channel/views.ts'
import { resign } from '../../simulator/relay.ts'
import { pack, unpack } from '../container.ts'
import { DKG_WORLD, dkgStage } from '../dkg-world.ts'
import { type FuzzTarget, promise } from '../target.ts'
import { ATTACKER } from '../victims.ts'

/** Exhibits of a disagreement, of which the attacker signs its own anew: bit i of the mode for the i-th of them. */
export function open(): FuzzTarget {
  const { run, plan } = dkgStage('ecdsa-secp256k1')
  const context = { sessionId: run.sessionId, signers: plan.setup.signers, roster: DKG_WORLD.roster, curves: DKG_WORLD.curves }
  const broadcasts = run.sent.filter((p) => p.kind === 'broadcast' && p.to === (p.from === 1 ? 2 : 1))
  return {
    maxLength: 8192,
    seeds: () => {
      const all = broadcasts.map((p) => p.bytes)
      const own = broadcasts.filter((p) => p.from === ATTACKER).map((p) => p.bytes)
      const other = resign(DKG_WORLD, own[0] as Uint8Array, () => ({ body: Uint8Array.of(1) }))
      return new Map([
        ['honest', pack(0, ...all)],
        ['round-1', pack(0, ...broadcasts.filter((p) => p.round === 1).map((p) => p.bytes))],
        ['two-versions', pack(0, ...all, other)],
        ['re-signed', pack(255, ...own)],
        ['another-version', pack(0, other, ...broadcasts.filter((p) => p.from !== ATTACKER).map((p) => p.bytes))],
      ])
    },
    reaches: ['nobody', 'equivocator 3', 'false prev 1,2'],
    run: (input) => {
      const container = unpack(input)
      const exhibits = container.parts.map((bytes, i) => {
        const envelope = ((container.mode >> i) & 1) === 1 ? decodeEnvelope(bytes) : null
        return envelope?.kind === 'full' && envelope.sender === ATTACKER ? resign(DKG_WORLD, bytes, () => ({})) : bytes
      })
      const found = settleViews(context, exhibits)
      promise(isDeepStrictEqual(settleViews(context, exhibits.toReversed()), found), 'the order of the exhibits decides')
      promise(
        found.equivocators.every((id) => id === ATTACKER),
        `equivocators ${found.equivocators.join()}`,
      )
      if (found.equivocators.length > 0) return `equivocator ${found.equivocators.join()}`
      return found.falsePrev.length > 0 ? `false prev ${found.falsePrev.join()}` : 'nobody'
    },
  }
}
