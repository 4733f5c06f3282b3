import * as assembler from '../../src/actors/assembler-commands.ts'
import * as crypto from '../../src/actors/crypto-commands.ts'
import { STORED } from '../../src/host/coordinator/stored-view.ts'
import * as dkls from '../../src/protocol/dkls23/messages.ts'
import { PAIR_SECRET } from '../../src/protocol/dkls23/pair-record.ts'
import { OPEN } from '../../src/protocol/dkls23/pair-rehearsal.ts'
import * as pair from '../../src/protocol/dkls23/pair-setup.ts'
import { RVOLE_ONE, RVOLE_TWO } from '../../src/protocol/dkls23/rvole.ts'
import type { Codec } from '../../src/protocol/engine/codec.ts'
import * as frames from '../../src/protocol/frames/signer-frames.ts'
import * as frost from '../../src/protocol/frost/sign.ts'
import { FROST_BIP340, FROST_ED25519 } from '../../src/protocol/frost/suite.ts'
import * as hm from '../../src/protocol/hm/sign.ts'
import { CERTIFICATE } from '../../src/protocol/keygen/certificate.ts'
import { KEY_SECRET, PUBLIC_PACKAGE } from '../../src/protocol/keygen/key-record.ts'
import { COMMIT, revealCodec, SHARE, verdictCodec } from '../../src/protocol/keygen/messages.ts'
import * as prss from '../../src/protocol/prss/establish.ts'
import { nativeCurves } from '../simulator/world.ts'

const { secp256k1, ed25519 } = nativeCurves
// biome-ignore lint/suspicious/noExplicitAny: codecs of all kinds of values.
export type Codecs = readonly Codec<any>[]

/** Said by one signer to others in a protocol, or to the assembler: `messages.ts` sends each of them wrong. */
export const MESSAGES = {
  'protocol/keygen/messages.ts COMMIT': [COMMIT],
  'protocol/keygen/messages.ts revealCodec': [revealCodec(secp256k1), revealCodec(ed25519)],
  'protocol/keygen/messages.ts SHARE': [SHARE],
  'protocol/keygen/messages.ts verdictCodec': [verdictCodec(secp256k1), verdictCodec(ed25519)],
  'protocol/prss/establish.ts OPEN': [prss.OPEN],
  'protocol/prss/establish.ts CONTRIBUTE': [prss.CONTRIBUTE],
  'protocol/prss/establish.ts CONFIRM': [prss.CONFIRM],
  'protocol/signing/batch.ts body': [
    hm.openingOf(secp256k1).body,
    frost.openingOf(FROST_BIP340.group(nativeCurves)).body,
    frost.openingOf(FROST_ED25519.group(nativeCurves)).body,
  ],
  'protocol/hm/sign.ts ANSWER': [hm.ANSWER],
  'protocol/dkls23/messages.ts OPENING': [dkls.OPENING],
  'protocol/dkls23/messages.ts MULTIPLY': [dkls.MULTIPLY],
  'protocol/dkls23/messages.ts ANSWER': [dkls.ANSWER],
  'protocol/frost/sign.ts ANSWER': [frost.ANSWER],
  'protocol/dkls23/pair-setup.ts OFFER': [pair.OFFER],
  'protocol/dkls23/pair-setup.ts CHOOSE': [pair.CHOOSE],
  'protocol/dkls23/rvole.ts RVOLE_ONE': [RVOLE_ONE],
  'protocol/dkls23/rvole.ts RVOLE_TWO': [RVOLE_TWO],
  'protocol/dkls23/pair-rehearsal.ts OPEN': [OPEN],
  'protocol/dkls23/pair-setup.ts CONFIRM': [pair.CONFIRM],
} satisfies Readonly<Record<string, Codecs>>

/** Between coordinator and signer: `frames.ts` sends each of them wrong, from either side. */
export const FRAMES = {
  'protocol/frames/signer-frames.ts OPEN_SIGNING': [frames.OPEN_SIGNING],
  'protocol/frames/signer-frames.ts OPEN_KEYGEN': [frames.OPEN_KEYGEN],
  'protocol/frames/signer-frames.ts OPEN_PRSS': [frames.OPEN_PRSS],
  'protocol/frames/signer-frames.ts OPEN_PAIR': [frames.OPEN_PAIR],
  'protocol/frames/signer-frames.ts UPDATE_KEY': [frames.UPDATE_KEY],
  'protocol/frames/signer-frames.ts ROUND': [frames.ROUND],
  'protocol/frames/signer-frames.ts ABORT': [frames.ABORT],
  'protocol/frames/signer-frames.ts REPLY': [frames.REPLY],
  'protocol/frames/signer-frames.ts STATUS_REQUEST': [frames.STATUS_REQUEST],
  'protocol/frames/signer-frames.ts STATUS': [frames.STATUS],
  'protocol/frames/signer-frames.ts CERTIFICATE_REQUEST': [frames.CERTIFICATE_REQUEST],
  'protocol/frames/signer-frames.ts CERTIFICATE_REPLY': [frames.CERTIFICATE_REPLY],
  'protocol/frames/signer-frames.ts KEYS_REQUEST': [frames.KEYS_REQUEST],
  'protocol/frames/signer-frames.ts KEYS_REPLY': [frames.KEYS_REPLY],
} satisfies Readonly<Record<string, Codecs>>

/** Inside frames or messages, whose mutants put wrong bytes in their place; tests of their own say them wrong, field by field. */
const INSIDE = {
  'protocol/keygen/certificate.ts CERTIFICATE': [CERTIFICATE],
  'protocol/keygen/key-record.ts PUBLIC_PACKAGE': [PUBLIC_PACKAGE],
} satisfies Readonly<Record<string, Codecs>>

/** Between our own threads, or on our own disk: no byte of them comes from a peer. */
const OWN = {
  'protocol/keygen/key-record.ts KEY_SECRET': [KEY_SECRET],
  'protocol/dkls23/pair-record.ts PAIR_SECRET': [PAIR_SECRET],
  'actors/crypto-commands.ts COMMAND': [crypto.COMMAND],
  'actors/crypto-commands.ts ANSWER': [crypto.ANSWER],
  'actors/assembler-commands.ts ASSEMBLE': [assembler.ASSEMBLE],
  'actors/assembler-commands.ts ASSEMBLED': [assembler.ASSEMBLED],
  'host/coordinator/stored-view.ts STORED': [STORED],
} satisfies Readonly<Record<string, Codecs>>

/** Every codec of the program, by file under src/ and name. */
export const CODECS: Readonly<Record<string, Codecs>> = { ...MESSAGES, ...FRAMES, ...INSIDE, ...OWN }
