import { ASSEMBLE, ASSEMBLED } from '../../../src/actors/assembler-commands.ts'
import { COMMAND, ANSWER as CRYPTO_ANSWER } from '../../../src/actors/crypto-commands.ts'
import { nobleCurves } from '../../../src/protocol/curve/noble-curves.ts'
import { equalBytes } from '../../../src/protocol/engine/bytes.ts'
import type { Codec } from '../../../src/protocol/engine/codec.ts'
import * as frames from '../../../src/protocol/frames/signer-frames.ts'
import { ANSWER as FROST_ANSWER } from '../../../src/protocol/frost/sign.ts'
import { ANSWER as HM_ANSWER } from '../../../src/protocol/hm/sign.ts'
import { CERTIFICATE } from '../../../src/protocol/keygen/certificate.ts'
import { KEY_SECRET, PUBLIC_PACKAGE } from '../../../src/protocol/keygen/key-record.ts'
import { COMMIT, revealCodec, SHARE, verdictCodec } from '../../../src/protocol/keygen/messages.ts'
import { frameSeeds } from '../frame-seeds.ts'
import { type FuzzTarget, promise } from '../target.ts'

const { OPEN_SIGNING, OPEN_KEYGEN, OPEN_PRSS, ROUND, ABORT, REPLY, STATUS_REQUEST, STATUS } = frames
const { CERTIFICATE_REQUEST, CERTIFICATE_REPLY, KEYS_REQUEST, KEYS_REPLY, UPDATE_KEY } = frames

/** Every codec of the wire, of the store and between threads. */
// biome-ignore lint/suspicious/noExplicitAny: what the values are does not matter here, and a codec is invariant in it.
export const CODECS: Readonly<Record<string, Codec<any>>> = {
  ...{ OPEN_SIGNING, OPEN_KEYGEN, OPEN_PRSS, ROUND, ABORT, REPLY, STATUS_REQUEST, STATUS },
  ...{ CERTIFICATE_REQUEST, CERTIFICATE_REPLY, KEYS_REQUEST, KEYS_REPLY, UPDATE_KEY },
  ...{
    COMMAND,
    CRYPTO_ANSWER,
    ASSEMBLE,
    ASSEMBLED,
    CERTIFICATE,
    PUBLIC_PACKAGE,
    KEY_SECRET,
    HM_ANSWER,
    FROST_ANSWER,
    COMMIT,
    SHARE,
  },
  REVEAL: revealCodec(nobleCurves.secp256k1),
  VERDICT: verdictCodec(nobleCurves.secp256k1),
}

/** Every input goes to every codec: no bytes may mean two things to one, or anything but a RangeError to any. */
export function open(): FuzzTarget {
  return {
    maxLength: 8192,
    seeds: frameSeeds,
    reaches: Object.keys(CODECS),
    run: (input) => {
      const accepted = Object.entries(CODECS).filter(([name, codec]) => {
        try {
          promise(equalBytes(codec.encode(codec.decode(input)), input), `${name}: a second encoding of one value`)
          return true
        } catch (error) {
          if (error instanceof RangeError) return false
          throw error
        }
      })
      return accepted.map(([name]) => name).join() || 'none'
    },
  }
}
