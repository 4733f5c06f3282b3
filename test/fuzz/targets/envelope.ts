import { decodeEnvelope, encodeEnvelope } from '../../../src/protocol/channel/envelope.ts'
import { equalBytes } from '../../../src/protocol/engine/bytes.ts'
import { makeFrostCase, runFrost } from '../../protocol/frost/frost-run.ts'
import { makeHmCase, runHm } from '../../protocol/hm/hm-run.ts'
import { type FuzzTarget, promise } from '../target.ts'

/** The first thing that any signer or coordinator does with bytes of another. */
export function open(): FuzzTarget {
  return {
    maxLength: 4096,
    dictionary: ['QRT1', 'QRL1', Uint8Array.of(0xff, 0xff), Uint8Array.of(0, 16, 0, 0), Uint8Array.of(0, 16, 0, 1)],
    seeds: () => {
      const traffic = [
        ...runHm(makeHmCase({ seed: 'fuzz' })).traffic,
        ...runFrost(makeFrostCase({ scheme: 'eddsa-ed25519', seed: 'fuzz' })).traffic,
      ]
      return new Map([['empty', new Uint8Array(0)], ...traffic.map((bytes, i) => [`traffic-${i}`, bytes] as const)])
    },
    reaches: ['full', 'light', 'none'],
    run: (input) => {
      const envelope = decodeEnvelope(input)
      if (envelope === null) return 'none'
      promise(equalBytes(encodeEnvelope(envelope), input), 'a second encoding of one envelope')
      const fields = [
        envelope.sessionId,
        envelope.prev,
        envelope.keyCommitment,
        envelope.body,
        envelope.signature,
        ...envelope.macs.values(),
      ]
      promise(
        fields.every((field) => field.buffer !== input.buffer),
        'an envelope keeps the memory of the bytes it came in',
      )
      return envelope.kind
    },
  }
}
