import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { decodeEnvelope, type Envelope, encodeEnvelope } from '../../src/protocol/channel/envelope.ts'
import { concat } from '../../src/protocol/engine/bytes.ts'
import * as frost from '../../src/protocol/frost/sign.ts'
import * as hm from '../../src/protocol/hm/sign.ts'
import { COMMIT, revealCodec, verdictCodec } from '../../src/protocol/keygen/messages.ts'
import { isEcdsa, SCHEMES, type Scheme } from '../host/set/signing-keys.ts'
import { mutantsOf, sampled } from '../mutants/mutate.ts'
import {
  delay,
  drop,
  duplicate,
  equivocate,
  flip,
  inject,
  OFFSETS,
  type Parcel,
  type Rule,
  reorder,
  replace,
  resign,
  showBoth,
  spliceFrom,
} from '../simulator/relay.ts'
import { nativeCurves } from '../simulator/world.ts'
import { type Hosts, hostsInProcess, hostsOverTls, WELL } from './hosts.ts'

const MALICIOUS = 3
const otherBody = ({ body }: Envelope): Partial<Envelope> => ({ body: concat(body, Uint8Array.of(0)) })

describe.each([
  ['in one process', hostsInProcess],
  ['over TLS', hostsOverTls],
] as const)('a mutating network between a coordinator and signers %s', (_, start) => {
  let hosts: Hosts
  const keys = new Map<Scheme, unknown>()
  /** Whole honest runs, to splice from. */
  let earlier: readonly Parcel[] = []
  beforeAll(async () => {
    hosts = await start()
    await hosts.allUp()
    earlier = await hosts.network.recording(async () => {
      for (const scheme of SCHEMES) keys.set(scheme, (await hosts.makeKey(scheme)).key)
      for (const key of keys.values()) for (let i = 0; i < 3; i++) expect((await hosts.sign(key)).code).toBe(WELL)
    })
  }, 120_000)
  afterAll(() => hosts.close(), 30_000)
  afterEach(async () => {
    hosts.network.rules = []
    await hosts.allUp()
    for (const key of keys.values()) expect((await hosts.sign(key)).code).toBe(WELL)
  })

  /** Runs under the rules; whatever came of it, nobody but the malicious signer is named, and nothing of a secret is said. */
  const under = async (
    rules: readonly Rule[],
    run: () => Promise<{ readonly code: string; readonly culprits: readonly string[]; readonly text: string }>,
  ) => {
    await hosts.allUp()
    let acted = 0
    const counted = ({ when, act }: Rule): Rule => ({
      when,
      act: (parcel) => {
        acted += 1
        return act(parcel)
      },
    })
    hosts.network.rules = rules.map(counted)
    let ending = await run()
    // FROST takes signers in turn: within three runs each pair is asked.
    for (let tries = 1; acted === 0 && tries < 3; tries++) ending = await run()
    hosts.network.rules = []
    expect(acted).toBeGreaterThan(0)
    expect(ending.culprits.filter((name) => name !== `signer-${MALICIOUS}`)).toEqual([])
    expect(ending.text.replaceAll(/(req|key|sig|ses)_\w+/g, '')).not.toMatch(/[0-9a-f]{32}|[A-Za-z0-9+/_-]{44}/i)
    return ending.code
  }
  const signing = (scheme: Scheme, rules: readonly Rule[]) => under(rules, () => hosts.sign(keys.get(scheme)))
  const making = (rules: readonly Rule[]) => under(rules, async () => (await hosts.makeKey('eddsa-ed25519')).ending)
  const FAILED = expect.stringMatching(/^(protocol_abort|quorum_unavailable)$/)

  const harmless = (): readonly (readonly [string, Rule['act']])[] => [
    ['repeated', duplicate],
    ['delayed', delay],
    ['reordered, descending', reorder([3, 2, 1])],
    ['reordered, the middle first', reorder([2, 3, 1])],
    ['preceded by a damaged copy', inject(flip(OFFSETS.body))],
    ['preceded by one of another session', (p) => [...spliceFrom(earlier)(p), { ...p, late: 1 }]],
  ]
  const stopping = (): readonly (readonly [string, Rule['act']])[] => [
    ['dropped', drop],
    ['damaged', replace(flip(OFFSETS.body + 10))],
    ['cut', replace((bytes) => bytes.slice(0, -1))],
    ['of another session', spliceFrom(earlier)],
    ['brought to another signer', (p) => [{ ...p, to: p.to === 2 ? 1 : 2 }]],
  ]

  it('T-02, T-04 messages repeated, late, in another order or after false ones change nothing', async () => {
    for (const [what, act] of harmless()) {
      // One rule for the peers' messages; a signer's own copy comes as it went (hm would end the session, C2).
      const rules = [1, 2, 3].flatMap((from) => [1, 2, 3].filter((to) => to !== from).map((to) => ({ when: { from, to }, act })))
      for (const scheme of SCHEMES) expect(await signing(scheme, rules), `${what} ${scheme}`).toBe(WELL)
      expect(await making(rules), what).toBe(WELL)
    }
  })

  it('T-07, T-10 a message that is lost costs its session at most, and names nobody', async () => {
    for (const [what, act] of stopping()) {
      // FROST goes on with others.
      for (const scheme of ['schnorr-secp256k1', 'eddsa-ed25519'] as const)
        expect(await signing(scheme, [{ when: { protocol: 'frost', from: 1, to: 2 }, act }]), `${what} ${scheme}`).toBe(WELL)
      expect(await signing('ecdsa-secp256k1', [{ when: { protocol: 'hm', from: 1, to: 2 }, act }]), what).toEqual(FAILED)
      for (const round of [1, 2])
        expect(await making([{ when: { protocol: 'dkg', round, from: 2, to: 1 }, act }]), what).toEqual(FAILED)
      // In the last round the others have the certificate, and the coordinator brings it to whom it did not reach.
      expect(await making([{ when: { protocol: 'dkg', round: 3, from: 2, to: 1 }, act }]), what).toEqual(
        expect.stringMatching(/^(well|protocol_abort|quorum_unavailable)$/),
      )
    }
  })

  it('T-07 an answer to the assembler that is lost or changed: no wrong signature', async () => {
    for (const [what, act] of stopping()) {
      const rules: readonly Rule[] = [{ when: { kind: 'assembler', from: MALICIOUS }, act }]
      for (const scheme of SCHEMES)
        expect(await signing(scheme, rules), `${what} ${scheme}`).toEqual(isEcdsa(scheme) ? FAILED : WELL)
    }
  })

  it('T-07 another version of its own points: an hm signer ends the session (C2), other protocols do not look', async () => {
    const rule = (protocol: 'hm' | 'frost'): Rule => ({
      when: { protocol, from: 1, to: 1 },
      act: replace(flip(OFFSETS.body + 10)),
    })
    expect(await signing('ecdsa-secp256k1', [rule('hm')])).toEqual(FAILED)
    expect(await signing('eddsa-ed25519', [rule('frost')])).toBe(WELL)
  })

  it('T-05 a signer that shows two faces: no key, and nobody honest named', async () => {
    for (const round of [1, 2]) {
      const split: Rule = {
        when: { protocol: 'dkg', round, from: MALICIOUS, to: 2, kind: 'broadcast' },
        act: equivocate(hosts.world, otherBody),
      }
      expect(await making([split]), `round ${round}`).toBe('protocol_abort')
    }
    const both: Rule = {
      when: { protocol: 'dkg', round: 1, from: MALICIOUS, kind: 'broadcast' },
      act: showBoth(hosts.world, otherBody),
    }
    expect(await making([both])).toBe('protocol_abort')
  })

  const { secp256k1, ed25519 } = nativeCurves
  it.each([
    ['dkg', 1, 'broadcast', COMMIT.form],
    ['dkg', 2, 'broadcast', revealCodec(ed25519).form],
    ['dkg', 3, 'broadcast', verdictCodec(ed25519).form],
    ['frost', 1, 'broadcast', frost.openingOf(ed25519).body.form],
    ['frost', 2, 'assembler', frost.ANSWER.form],
    ['hm', 2, 'assembler', hm.ANSWER.form],
    ['hm', 1, 'broadcast', hm.openingOf(secp256k1).body.form],
  ] as const)(
    'D-04, D-06 %s, round %i, %s: wrong in every way, and the hosts are what they were',
    async (protocol, round, kind, form) => {
      const prefix = protocol === 'dkg' && round === 1 ? 32 : 0
      const place = { protocol, round, from: MALICIOUS, kind }
      const matches = (p: Parcel): boolean =>
        p.protocol === protocol && p.round === round && p.from === MALICIOUS && p.kind === kind
      const bodyOf = (bytes: Uint8Array): Uint8Array => (decodeEnvelope(bytes) as Envelope).body.slice(prefix)
      // An example in the scheme that runs below: the last one, since the keys were made and used in the order of SCHEMES.
      const example = bodyOf(earlier.filter(matches).at(-1)?.bytes as Uint8Array)
      for (const { bytes: body } of sampled(mutantsOf(form, example), 13)) {
        const change = (envelope: Envelope) => ({ body: concat(envelope.body.slice(0, prefix), body) })
        const act: Rule['act'] = (p) => {
          const envelope = decodeEnvelope(p.bytes) as Envelope
          if (envelope.kind === 'full') return [{ ...p, bytes: resign(hosts.world, p.bytes, change) }]
          // No MAC of hm is ours to make here: a broadcast without one is not heard, an answer to the assembler has none.
          return [{ ...p, bytes: encodeEnvelope({ ...envelope, ...change(envelope) }) }]
        }
        const rules = [{ when: place, act }]
        const code =
          protocol === 'dkg' ? await making(rules) : await signing(protocol === 'hm' ? 'ecdsa-secp256k1' : 'eddsa-ed25519', rules)
        expect(code).toMatch(/^(well|protocol_abort|quorum_unavailable)$/)
      }
    },
  )

  it('T-05 two faces in FROST: the others sign', async () => {
    for (const act of [equivocate(hosts.world, otherBody), showBoth(hosts.world, otherBody)])
      expect(await signing('eddsa-ed25519', [{ when: { protocol: 'frost', from: MALICIOUS, to: 1 }, act }])).toBe(WELL)
  })
})
