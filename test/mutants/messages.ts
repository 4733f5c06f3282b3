import { expect } from 'vitest'
import { concat, toHex } from '../../src/protocol/engine/bytes.ts'
import type { Codec } from '../../src/protocol/engine/codec.ts'
import { Fault, VERDICTS } from '../../src/protocol/engine/fault.ts'
import type { PartyId } from '../../src/protocol/engine/party.ts'
import type { Exchange } from '../../src/protocol/engine/round.ts'
import { dkg } from '../../src/protocol/keygen/dkg.ts'
import { verdictCodec } from '../../src/protocol/keygen/messages.ts'
import type { Outcome } from '../../src/protocol/signing/batch.ts'
import * as dkls from '../protocol/dkls23/dkls-run.ts'
import { expectFair, runPair } from '../protocol/dkls23/pair-run.ts'
import * as frost from '../protocol/frost/frost-run.ts'
import * as hm from '../protocol/hm/hm-run.ts'
import { assertSafe, keygen } from '../protocol/keygen/keygen-fixture.ts'
import { runEstablish } from '../protocol/prss/establish-run.ts'
import { bytes32 } from '../protocol/signing/dealt-key.ts'
import type { ParcelKind } from '../simulator/relay.ts'
import type { Run } from '../simulator/run-session.ts'
import { type Twin, twin } from '../simulator/twin.ts'
import { makeWorld, nativeCurves } from '../simulator/world.ts'
import { type Mutant, mutantsOf } from './mutate.ts'
import { type Codecs, MESSAGES } from './registry.ts'

/** The malicious twin; its envelopes are validly signed and encrypted, so that what it says reaches every handler. */
export const MALICIOUS = 3

// biome-ignore lint/suspicious/noExplicitAny: of scripts with all kinds of commits, which no hand here looks at.
type Hand = Twin<any>
type Hooks = ReadonlyMap<PartyId, Hand>

/** One protocol with chosen signers; same seed, same honest messages. */
interface Play {
  readonly name: string
  /** Runs with these hands between scripts and channels, and checks the protocol's own promises to the honest. */
  readonly run: (hooks: Hooks) => readonly Verdict[]
  readonly signers: readonly PartyId[]
  /** What travels, by round and kind. */
  readonly places: Readonly<Record<string, keyof typeof MESSAGES>>
  /** Which of the registered codecs of a name: by group. */
  readonly variant: number
}

/** How an honest signer, or the assembler, ended. */
interface Verdict {
  readonly who: string
  /** undefined: well. */
  readonly code?: string
  readonly culprits: readonly PartyId[]
  readonly words: string
}

const verdictOf = (who: string, fault: Fault): Verdict => ({
  who,
  code: fault.code,
  culprits: fault.culprits,
  words: `${fault} ${fault.detail} ${JSON.stringify(fault)}`,
})
const endsOf = (run: Run<unknown, unknown>): readonly Verdict[] =>
  [...run.ends].flatMap(([id, end]) => {
    if (id === MALICIOUS) return []
    return [end.type === 'done' ? { who: `signer ${id}`, culprits: [], words: '' } : verdictOf(`signer ${id}`, end.fault)]
  })

/** What the assembler makes of a session in which all answered. */
function assembled(run: Run<unknown, unknown>, assemble: () => readonly Outcome[]): readonly Verdict[] {
  if ([...run.ends.values()].some((end) => end.type !== 'done')) return []
  try {
    return assemble().map((outcome, b) =>
      outcome.type === 'failed'
        ? { who: `item ${b}`, code: outcome.code, culprits: outcome.culprits, words: '' }
        : { who: `item ${b}`, culprits: outcome.type === 'refused' ? [...outcome.by.keys()] : [], words: '' },
    )
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return [verdictOf('assembler', error)]
  }
}

const DKG_PLACES = {
  '1 broadcast': 'protocol/keygen/messages.ts COMMIT',
  '2 broadcast': 'protocol/keygen/messages.ts revealCodec',
  '2 direct': 'protocol/keygen/messages.ts SHARE',
  '3 broadcast': 'protocol/keygen/messages.ts verdictCodec',
} as const
const dkgPlay = (scheme: 'ecdsa-secp256k1' | 'eddsa-ed25519', variant: number): Play => ({
  name: `dkg ${scheme}`,
  signers: [1, 2, 3],
  places: DKG_PLACES,
  variant,
  run: (hooks) => {
    const rogues = new Map([...hooks].map(([id, hook]) => [id, (...args: Parameters<typeof dkg>) => twin(dkg(...args), hook)]))
    const run = keygen({ scheme, seed: 'mutants', rogues })
    assertSafe(run, [MALICIOUS])
    return endsOf(run)
  },
})

const prssWorld = makeWorld({ ids: 5, seed: 'mutants' })
const prssPlay = (threshold: number, signers: readonly PartyId[]): Play => ({
  name: `prss, t = ${threshold}`,
  signers,
  places: {
    '1 broadcast': 'protocol/prss/establish.ts OPEN',
    ...(threshold > 2 && { '2 direct': 'protocol/prss/establish.ts CONTRIBUTE' as const }),
    [`${threshold} broadcast`]: 'protocol/prss/establish.ts CONFIRM',
  },
  variant: 0,
  run: (hooks) => {
    const malicious = hooks as ReadonlyMap<PartyId, unknown> as ReadonlyMap<PartyId, Twin<never>>
    const run = runEstablish({ world: prssWorld, threshold, signers, seed: 'mutants', malicious })
    // Of two honest signers that finish, each holds the key they share; with the malicious one they may not agree (liveness only).
    const held = new Map<string, string>()
    for (const [id, end] of run.ends) {
      if (id === MALICIOUS || end.type !== 'done') continue
      for (const key of end.result.generation.pairs.values()) {
        if (key.members.includes(MALICIOUS)) continue
        expect(held.get(toHex(key.kid)) ?? toHex(key.prf)).toBe(toHex(key.prf))
        held.set(toHex(key.kid), toHex(key.prf))
      }
    }
    return endsOf(run)
  },
})

const hmCase = hm.makeHmCase({ seed: 'mutants', digests: [bytes32('mutants 0'), bytes32('mutants 1')] })
const hmPlay: Play = {
  name: 'hm',
  signers: [1, 2, 3],
  places: { '1 broadcast': 'protocol/signing/batch.ts body', '2 assembler': 'protocol/hm/sign.ts ANSWER' },
  variant: 0,
  run: (malicious) => {
    const run = hm.runHm(hmCase, { malicious })
    return [...endsOf(run), ...assembled(run, () => hm.assembleRun(hmCase, run))]
  },
}

const frostPlay = (scheme: frost.FrostScheme, variant: number): Play => {
  const inputs = [bytes32('mutants 0'), bytes32('mutants 1')]
  const c = frost.makeFrostCase({ scheme, seed: 'mutants', inputs, signers: [1, MALICIOUS] })
  return {
    name: `frost ${scheme}`,
    signers: c.signers,
    places: { '1 broadcast': 'protocol/signing/batch.ts body', '2 assembler': 'protocol/frost/sign.ts ANSWER' },
    variant,
    run: (malicious) => {
      const run = frost.runFrost(c, { malicious })
      return [...endsOf(run), ...assembled(run, () => frost.assembleRun(c, run))]
    },
  }
}

const dklsCase = dkls.makeDklsCase({
  seed: 'mutants',
  signers: [1, MALICIOUS],
  digests: [bytes32('mutants 0'), bytes32('mutants 1')],
})
const dklsPlay: Play = {
  name: 'dkls23',
  signers: dklsCase.signers,
  places: {
    '1 broadcast': 'protocol/dkls23/messages.ts OPENING',
    '1 direct': 'protocol/dkls23/rvole.ts RVOLE_ONE',
    '2 direct': 'protocol/dkls23/messages.ts MULTIPLY',
    '3 assembler': 'protocol/dkls23/messages.ts ANSWER',
  },
  variant: 0,
  run: (malicious) => {
    const run = dkls.runDkls(dklsCase, { malicious })
    return [...endsOf(run), ...assembled(run, () => dkls.assembleRun(dklsCase, run))]
  },
}

const pairPlay: Play = {
  name: 'pair',
  signers: [1, MALICIOUS],
  places: {
    '1 direct': 'protocol/dkls23/pair-setup.ts OFFER',
    ...Object.fromEntries([2, 3, 4, 5].map((round) => [`${round} direct`, 'protocol/dkls23/pair-setup.ts CHOOSE' as const])),
    '6 direct': 'protocol/dkls23/rvole.ts RVOLE_ONE',
    '7 direct': 'protocol/dkls23/rvole.ts RVOLE_TWO',
    '8 direct': 'protocol/dkls23/pair-rehearsal.ts OPEN',
    '9 direct': 'protocol/dkls23/pair-setup.ts CONFIRM',
  },
  variant: 0,
  run: (hooks) => {
    const malicious = hooks as ReadonlyMap<PartyId, unknown> as ReadonlyMap<PartyId, Twin<never>>
    const run = runPair({ world: prssWorld, signers: [1, MALICIOUS], seed: 'mutants', malicious })
    expectFair(run, [MALICIOUS])
    const kept = [...run.ends.values()].flatMap((end) => (end.type === 'done' ? [toHex(end.result.pairId)] : []))
    expect(new Set(kept).size).toBeLessThanOrEqual(1)
    return endsOf(run)
  },
}

const PLAYS: readonly Play[] = [
  dkgPlay('ecdsa-secp256k1', 0),
  dkgPlay('eddsa-ed25519', 1),
  prssPlay(2, [1, 2, 3]),
  prssPlay(3, [1, 2, 3, 4, 5]),
  hmPlay,
  frostPlay('schnorr-secp256k1', 1),
  frostPlay('eddsa-ed25519', 2),
  dklsPlay,
  pairPlay,
]

interface Spoken {
  readonly from: PartyId
  readonly place: string
  readonly bytes: Uint8Array
}

const bodiesOf = (
  exchange: Pick<Exchange, 'broadcast' | 'direct' | 'assembler'>,
): readonly (readonly [ParcelKind, Uint8Array])[] => [
  ...(exchange.broadcast === undefined ? [] : [['broadcast', exchange.broadcast] as const]),
  ...[...(exchange.direct?.values() ?? [])].map((bytes) => ['direct', bytes] as const),
  ...(exchange.assembler === undefined ? [] : [['assembler', exchange.assembler] as const]),
]

/** Says `bytes` in place of every message of one place. */
const liar = (place: string, bytes: Uint8Array): Hand => ({
  send: (exchange, round) => {
    if (place === `${round} broadcast`) return { ...exchange, broadcast: bytes }
    if (place === `${round} assembler`) return { ...exchange, assembler: bytes }
    if (place !== `${round} direct`) return exchange
    return { ...exchange, direct: new Map([...(exchange.direct?.keys() ?? [])].map((to) => [to, bytes])) }
  },
})

/** One message of one protocol, and every way to say it wrong. */
export interface MessageCase {
  readonly name: string
  readonly message: keyof typeof MESSAGES
  readonly codec: Codec<unknown>
  readonly mutants: readonly Mutant[]
  readonly run: (bytes: Uint8Array) => readonly Verdict[]
}

/** All messages that an honest run of each protocol sends. @throws when one has no codec in the registry. */
export function messageCases(): readonly MessageCase[] {
  return PLAYS.flatMap((play) => {
    const spoken: Spoken[] = []
    const listen = (from: PartyId): Hand => ({
      send: (exchange, round) => {
        for (const [kind, bytes] of bodiesOf(exchange))
          spoken.push({ from, place: `${round} ${kind}`, bytes: Uint8Array.from(bytes) })
        return exchange
      },
    })
    const honest = play.run(new Map(play.signers.map((id) => [id, listen(id)])))
    for (const { who, code } of honest) if (code !== undefined) throw new Error(`${play.name}: ${who} ended with ${code}`)
    // An empty body says nothing: it only keeps a round in the transcript.
    const places = [...new Set(spoken.filter((s) => s.bytes.length > 0).map((s) => s.place))]
    expect(places.sort(), play.name).toEqual(Object.keys(play.places).sort())
    return places.flatMap((place) => {
      const message = play.places[place] as keyof typeof MESSAGES
      const codecs: Codecs = MESSAGES[message]
      const codec = (codecs[play.variant] ?? codecs[0]) as Codec<unknown>
      const at = (mine: boolean) => spoken.filter((s) => s.place === place && (s.from === MALICIOUS) === mine).map((s) => s.bytes)
      const valid = at(true)[0] as Uint8Array
      const run = (bytes: Uint8Array) => play.run(new Map([[MALICIOUS, liar(place, bytes)]]))
      const made = { message, codec, run }
      const all = [{ ...made, name: `${play.name} ${place}`, mutants: mutantsOf(codec.form, valid, at(false)) }]
      // No honest signer has anything to complain of: the other case of this message has to be made.
      if (message === 'protocol/keygen/messages.ts verdictCodec') {
        const value = { accused: 1, key: bytes32('key'), envelope: concat(bytes32('envelope'), new Uint8Array(300)) }
        const complaint = verdictCodec(play.variant === 0 ? nativeCurves.secp256k1 : nativeCurves.ed25519).encode({
          type: 'complaint',
          value,
        })
        all.push({ ...made, name: `${play.name} ${place}, a complaint`, mutants: mutantsOf(codec.form, complaint) })
      }
      return all
    })
  })
}

const readable = (codec: Codec<unknown>, bytes: Uint8Array): boolean => {
  try {
    codec.decode(bytes)
    return true
  } catch {
    return false
  }
}

/** What must hold of every mutant: typed ends that name the malicious party or nobody, and it for bytes that nobody can read. */
export function expectJust({ codec, run }: MessageCase, { what, bytes }: Mutant): void {
  const verdicts = run(bytes)
  expect(verdicts.length, what).toBeGreaterThan(0)
  for (const { who, code, culprits, words } of verdicts) {
    if (code !== undefined) expect(Object.keys(VERDICTS), `${what}: ${who}`).toContain(code)
    expect(
      culprits.filter((id) => id !== MALICIOUS),
      `${what}: ${who} ${code}`,
    ).toEqual([])
    // No bytes at all, so no secret ones.
    expect(words, `${what}: ${who}`).not.toMatch(/[0-9a-f]{32}|\d{40}|[A-Za-z0-9+/_-]{40}/i)
  }
  if (readable(codec, bytes)) return
  const named = verdicts.filter((v) => v.culprits.includes(MALICIOUS))
  const judges = verdicts.some((v) => v.who === 'assembler') ? 1 : verdicts.length
  expect(named.length, `${what}: ${JSON.stringify(verdicts)}`).toBe(judges)
}
