import { ed25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { describe, expect, it } from 'vitest'
import { AssemblerActor } from '../../src/actors/assembler-actor.ts'
import { ASSEMBLE, ASSEMBLED } from '../../src/actors/assembler-commands.ts'
import type { Answer } from '../../src/actors/crypto-commands.ts'
import { decodeEnvelope, type Envelope, encodeEnvelope } from '../../src/protocol/channel/envelope.ts'
import { signingInput } from '../../src/protocol/request/digest.ts'
import { isEcdsa, parseDocument, SCHEMES, type Scheme, type SignDocument } from '../../src/protocol/request/document.ts'
import { makeDklsCase, runDkls } from '../protocol/dkls23/dkls-run.ts'
import { bytes32 } from '../protocol/signing/dealt-key.ts'
import { actorSet } from './actor-set.ts'

const changed = (answer: Answer, at: number): Answer => ({
  ...answer,
  reply: {
    ...answer.reply,
    envelopes: answer.reply.envelopes.map((bytes) => {
      const envelope = decodeEnvelope(bytes) as Envelope
      return encodeEnvelope({ ...envelope, body: Uint8Array.from(envelope.body, (b, i) => (i === at ? b ^ 1 : b)) })
    }),
  },
})

const verifies = (scheme: Scheme, signature: Uint8Array, input: Uint8Array, publicKey: Uint8Array): boolean => {
  if (scheme === 'eddsa-ed25519') return ed25519.verify(signature, input, publicKey)
  if (scheme === 'schnorr-secp256k1') return schnorr.verify(signature, input, publicKey.slice(1))
  return (scheme === 'ecdsa-p256' ? p256 : secp256k1).verify(signature, input, publicKey, { prehash: false, lowS: true })
}

describe.each(SCHEMES)('U-01, U-02 the assembler of %s', (scheme) => {
  const set = actorSet({ seed: `assembler ${scheme}` })
  const key = set.storeKey(scheme, 'key')
  const keys = [key, key, key]
  const items = keys.map(() => set.itemOf(key, set.signRequest(key)))
  const hm = isEcdsa(scheme) ? set.establish() : undefined
  const setup = set.setupOf(hm === undefined ? { suite: scheme } : { protocol: 'hm', suite: scheme, signers: [1, 2, 3] })
  const openings = setup.signers.map((id) => set.openSigning(id, setup, items, [key], hm === undefined ? {} : { hm }))
  const mail = openings.flatMap((a) => a.reply.envelopes)
  const answers = setup.signers.map((id) => set.round(id, set.signingId(setup, items), 1, mail))
  const inputs = items.map(({ request }) => {
    const { payload } = parseDocument(request.document) as SignDocument
    return signingInput(scheme, payload)
  })
  const bodyLength = (decodeEnvelope(answers[0]?.reply.envelopes[0] as Uint8Array) as Envelope).body.length
  const assembled = (from: readonly Answer[], with_: readonly Answer[]) => set.assemble(setup, items, keys, from, with_, hm)
  const wrong = (o: ReturnType<typeof assembled>): number =>
    o.outcomes.filter((x, i) => x.type === 0 && !verifies(scheme, x.signature, inputs[i] as Uint8Array, key.key.publicKey)).length

  it('lets only what verifies out: an honest batch whole', () => {
    const out = assembled(openings, answers)
    expect([out.code, out.outcomes.map((o) => o.type), wrong(out)]).toEqual(['', [0, 0, 0], 0])
  })

  it('of answers with any byte changed lets nothing wrong out, costs one item where it can, and names only the sender', () => {
    let single = 0
    for (let at = 0; at < bodyLength; at += 3) {
      const out = assembled(openings, [changed(answers[0] as Answer, at), ...answers.slice(1)])
      expect(wrong(out)).toBe(0)
      const named = [...out.culprits, ...out.outcomes.flatMap((o) => o.culprits)]
      expect(named.filter((id) => id !== 1)).toEqual([])
      if (out.code === '') single += 1
      if (out.code === '') expect(out.outcomes.filter((o) => o.type === 0)).toHaveLength(2)
    }
    expect(single).toBeGreaterThan(0)
  })

  it('of openings that are not those the signers saw lets nothing out', () => {
    for (let at = 0; at < 40; at += 3) {
      const out = assembled([changed(openings[0] as Answer, at), ...openings.slice(1)], answers)
      expect(out.outcomes.filter((o) => o.type === 0)).toEqual([])
    }
  })
})

const dkls = makeDklsCase({ seed: 'assembler actor', digests: [bytes32('one'), bytes32('two')] })
const dklsRun = runDkls(dkls)
/** Bodies as they stand in envelopes: the channel's key before the opening. */
const dklsBodies = (round: number): readonly Uint8Array[] =>
  dkls.signers.map((id) => {
    const sent = dklsRun.sent.find((p) => p.from === id && p.round === round && p.kind !== 'direct')
    return (decodeEnvelope(sent?.bytes as Uint8Array) as Envelope).body
  })
const dklsAssembled = (answers: readonly Uint8Array[], elapsed?: () => number) =>
  ASSEMBLED.decode(
    new AssemblerActor(dkls.world.curves, elapsed).call(
      ASSEMBLE.encode({
        engine: 'dkls23',
        scheme: dkls.scheme,
        sessionId: dklsRun.sessionId,
        threshold: 2,
        signers: dkls.signers,
        kids: [],
        tickets: [],
        items: dkls.items.map((item) => ({ ...item, verifyingShares: [] })),
        openings: dklsBodies(1),
        answers,
      }),
    ),
  )

describe('U-01, U-02 the assembler of DKLs23', () => {
  it('lets an honest batch out whole, and of a changed answer nothing wrong', () => {
    const whole = dklsAssembled(dklsBodies(3))
    expect([whole.code, whole.outcomes.map((o) => o.type)]).toEqual(['', [0, 0]])
    for (const [b, o] of whole.outcomes.entries()) {
      expect(verifies(dkls.scheme, o.signature, dkls.items[b]?.input as Uint8Array, dkls.items[b]?.publicKey as Uint8Array)).toBe(
        true,
      )
    }
    const [first, second] = dklsBodies(3) as [Uint8Array, Uint8Array]
    const last = first.length - 1
    const out = dklsAssembled([first.with(last, (first[last] as number) ^ 1), second])
    expect(out.outcomes.map((o) => [o.type, o.code])).toEqual([
      [0, ''],
      [2, 'SIG_INVALID'],
    ])
  })
})

it('tells how long it verified, and how long it did the rest', () => {
  let at = 0
  // A clock that goes on by a millisecond whenever it is looked at: before and after each of two verifications, at both ends.
  const { spent } = dklsAssembled(dklsBodies(3), () => at++)
  expect(spent).toEqual({ combine: 3000, verify: 2000 })
})

it('throws for a command that is none: that is its own host’s bug', () => {
  const { curves } = actorSet({ seed: 'assembler' })
  expect(() => new AssemblerActor(curves).call(Uint8Array.of(1, 2))).toThrow(RangeError)
})
