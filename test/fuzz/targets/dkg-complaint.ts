import { decodeEnvelope, encodeEnvelope } from '../../../src/protocol/channel/envelope.ts'
import { u16 } from '../../../src/protocol/engine/bytes.ts'
import { verdictCodec } from '../../../src/protocol/keygen/messages.ts'
import { groupOf } from '../../../src/protocol/keygen/scheme.ts'
import { resign } from '../../simulator/relay.ts'
import { bit, type Container, pack, partOf, unpack } from '../container.ts'
import { DKG_WORLD, dkgStage, schemeOf } from '../dkg-world.ts'
import { type FuzzTarget, promise } from '../target.ts'
import { ATTACKER, attackerAt, honestMail, sealed, standing, victimAt } from '../victims.ts'

/** Whom the attacker slanders: its share to the attacker was a good one. */
const ACCUSED = 2

/** Bit 0: which curve. Bit 1: the shown envelope is re-signed by the attacker, who has no other key. Bit 2: the true message key. */
function complaintOf(c: Container, trueKey: Uint8Array): Uint8Array {
  const [accused, key, shown] = [partOf(c, 0), partOf(c, 1), partOf(c, 2)]
  const envelope = decodeEnvelope(shown)
  const own = bit(c, 1) && envelope !== null && envelope.kind === 'full' && envelope.sender === ATTACKER
  return verdictCodec(groupOf(schemeOf(bit(c, 0)), DKG_WORLD.curves)).encode({
    type: 'complaint',
    value: {
      accused: accused.length === 2 ? ((accused[0] as number) * 256 + (accused[1] as number)) % 65535 : ACCUSED,
      key: bit(c, 2) || key.length !== 32 ? trueKey : key,
      envelope: own ? resign(DKG_WORLD, shown, () => ({})) : shown,
    },
  })
}

/** A false complaint: nobody but its author may come out of it as a culprit, and every judge says the same (protocols.md 3.1). */
export function open(): FuzzTarget {
  const channels = [false, true].map((ed) => attackerAt(dkgStage(schemeOf(ed)), 3))
  const evidence = channels.map((channel) => channel.evidence(ACCUSED))
  return {
    maxLength: 4096,
    dictionary: [u16(1), u16(2), u16(3)],
    seeds: () => {
      const seeds = new Map<string, Uint8Array>()
      for (const ed of [false, true]) {
        const { envelope, key } = evidence[Number(ed)] as (typeof evidence)[number]
        const own = dkgStage(schemeOf(ed)).run.sent.find((p) => p.from === ATTACKER && p.kind === 'direct')?.bytes as Uint8Array
        const foreign = dkgStage(schemeOf(ed)).run.sent.find((p) => p.from === ACCUSED && p.to === 1 && p.kind === 'direct')
          ?.bytes as Uint8Array
        seeds.set(`${schemeOf(ed)}-good-share`, pack(Number(ed), u16(ACCUSED), key, envelope))
        seeds.set(`${schemeOf(ed)}-other-key`, pack(Number(ed), u16(ACCUSED), new Uint8Array(32), envelope))
        seeds.set(`${schemeOf(ed)}-of-itself`, pack(Number(ed) + 2, u16(ATTACKER), key, own))
        seeds.set(`${schemeOf(ed)}-not-the-receiver`, pack(Number(ed) + 4, u16(ACCUSED), key, foreign))
        const forged = encodeEnvelope({
          ...(decodeEnvelope(own) as NonNullable<ReturnType<typeof decodeEnvelope>>),
          sender: ACCUSED,
        })
        seeds.set(`${schemeOf(ed)}-forged`, pack(Number(ed) + 4, u16(ACCUSED), key, forged))
      }
      return seeds
    },
    reaches: ['DKG_FALSE_COMPLAINT proven'],
    run: (input) => {
      const container = unpack(input)
      const which = Number(bit(container, 0))
      const at = dkgStage(schemeOf(bit(container, 0)))
      const channel = channels[which] as (typeof channels)[number]
      const body = complaintOf(container, (evidence[which] as (typeof evidence)[number]).key)
      const attack = sealed(channel, 3, { broadcast: body })
      const [first, second] = [1, 2].map((id) => standing(victimAt(at, id, 3).receive([...honestMail(at, id, 3), ...attack])))
      promise(first === second, `two verdicts on one complaint: ${first} and ${second}`)
      promise(first === 'DKG_FALSE_COMPLAINT proven', `a false complaint ended with ${first}`)
      return first
    },
  }
}
