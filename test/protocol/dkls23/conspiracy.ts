import { expect } from 'vitest'
import { ANSWER, MULTIPLY, OPENING } from '../../../src/protocol/dkls23/messages.ts'
import { RVOLE_ONE, RVOLE_TWO } from '../../../src/protocol/dkls23/rvole.ts'
import { concat, type Rng, toHex } from '../../../src/protocol/engine/bytes.ts'
import type { Codec } from '../../../src/protocol/engine/codec.ts'
import { Fault, VERDICTS } from '../../../src/protocol/engine/fault.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import type { Outcome, SigningCommit } from '../../../src/protocol/signing/batch.ts'
import { equivocate, flip, type Parcel, type Rule } from '../../simulator/relay.ts'
import { pick, seededRng } from '../../simulator/seeded-rng.ts'
import type { Twin } from '../../simulator/twin.ts'
import { bytes32 } from '../signing/dealt-key.ts'
import { answersOf, assembleRun, type DklsCase, type DklsRun, ends, makeDklsCase, runDkls } from './dkls-run.ts'
import { withInputs } from './rogue.ts'
import { expectEcdsa } from './verify-signature.ts'

/** The malicious signer; the coordinator is in league with it and relays as it likes. */
const M = 3
const HONEST = [1, 2]

type AnyFields = Readonly<Record<string, Uint8Array>>
const codecOf = (codec: unknown): Codec<AnyFields> => codec as Codec<AnyFields>
const CODECS: Readonly<Record<string, Codec<AnyFields>>> = {
  '1 broadcast': codecOf(OPENING),
  '1 direct': codecOf(RVOLE_ONE),
  '2 direct': codecOf(MULTIPLY),
  '3 assembler': codecOf(ANSWER),
}

/** One field of a message made wrong: a bit, a part from elsewhere, another length, nothing, another session's. */
function wrongField(rng: Rng, fields: AnyFields, other: AnyFields, group: DklsCase['world']['curves']['secp256k1']): AnyFields {
  const names = Object.keys(fields)
  const name = names[pick(rng, names.length)] as string
  const value = fields[name] as Uint8Array
  const at = pick(rng, Math.max(value.length, 1))
  const step = 32 + pick(rng, 2)
  const wrong: readonly (() => Uint8Array)[] = [
    () => flip(at, 1 << pick(rng, 8))(Uint8Array.from(value)),
    () => concat(value.slice(step), value.slice(0, step)),
    () => value.slice(0, value.length - step),
    () => concat(value, value.slice(0, step)),
    () => new Uint8Array(value.length),
    () => new Uint8Array(0),
    () => other[name] as Uint8Array,
    () => concat(group.generator, value.slice(33)),
    () => concat(group.scalar(1 + pick(rng, 5)), value.slice(32)),
    () => value.toReversed(),
  ]
  // A product's own fields are more worth than its bytes.
  if (name === 'product' && pick(rng, 3) > 0) {
    const inner = codecOf(RVOLE_TWO)
    return {
      ...fields,
      product: inner.encode(wrongField(rng, inner.decode(value), inner.decode(other[name] as Uint8Array), group)),
    }
  }
  return { ...fields, [name]: (wrong[pick(rng, wrong.length)] as () => Uint8Array)() }
}

/** Says a message with one or two fields wrong, or other bytes altogether. What cannot be encoded is sent as it was. */
function mutated(rng: Rng, place: string, body: Uint8Array, other: Uint8Array, c: DklsCase): Uint8Array {
  const codec = CODECS[place] as Codec<AnyFields>
  if (pick(rng, 8) === 0) return flip(pick(rng, body.length), 1 << pick(rng, 8))(Uint8Array.from(body))
  if (pick(rng, 12) === 0) return other
  try {
    let fields = wrongField(rng, codec.decode(body), codec.decode(other), c.world.curves.secp256k1)
    if (pick(rng, 3) === 0) fields = wrongField(rng, fields, codec.decode(other), c.world.curves.secp256k1)
    return codec.encode(fields)
  } catch (error) {
    if (error instanceof RangeError) return body
    throw error
  }
}

export interface Conspiracy {
  readonly c: DklsCase
  readonly play: (seed: string) => string
}

/** What each honest signer holds, to be the same afterwards. */
const heldBy = (c: DklsCase): string =>
  HONEST.map((id) =>
    [
      ...c.keys.map((key) => toHex(key.shares.get(id) as Uint8Array)),
      ...[...(c.pairs.get(id)?.values() ?? [])].map((p) =>
        [p.pairId, p.zseed, p.sender.delta, p.sender.seeds, p.receiver.seeds0, p.receiver.seeds1].map(toHex).join(),
      ),
    ].join(),
  ).join()

/**
 * 14.5: t = 3, coordinator and one signer in league, every message of every round made wrong at random, towards each peer in its own way.
 * Two honest signers never ban or name each other; whatever is signed is what they approved; what they hold stays as it was.
 */
export function conspiracy(): Conspiracy {
  const c = makeDklsCase({ threshold: 3, seed: 'conspiracy', digests: [bytes32('approved 1'), bytes32('approved 2')] })
  /** What M says in another session. */
  const elsewhere = new Map<string, Uint8Array>()
  const listen: Twin<SigningCommit> = {
    send: (exchange, round) => {
      if (exchange.broadcast !== undefined) elsewhere.set(`${round} broadcast`, exchange.broadcast)
      if (exchange.assembler !== undefined) elsewhere.set(`${round} assembler`, exchange.assembler)
      for (const [to, body] of exchange.direct ?? []) elsewhere.set(`${round} direct ${to}`, body)
      return exchange
    },
  }
  const recorded = runDkls(c, { name: 'elsewhere', malicious: new Map([[M, listen]]) })
  const held = heldBy(c)

  const play = (seed: string): string => {
    const rng = seededRng(`conspiracy ${seed}`)
    const chance = (n: number): boolean => pick(rng, n) === 0
    /** How much of everything is made wrong: from one message to most. */
    const rate = 1 + pick(rng, 6)
    const lies = (place: string, body: Uint8Array, to?: PartyId): Uint8Array =>
      chance(rate) ? mutated(rng, place, body, elsewhere.get(to === undefined ? place : `${place} ${to}`) as Uint8Array, c) : body
    const twoFaced = (opening: Uint8Array): Uint8Array =>
      mutated(rng, '1 broadcast', opening, elsewhere.get('1 broadcast') as Uint8Array, c)
    const twin: Twin<SigningCommit> = {
      send: ({ broadcast, direct, assembler, ...exchange }, round) => ({
        ...exchange,
        ...(broadcast && { broadcast: lies(`${round} broadcast`, broadcast) }),
        ...(assembler && { assembler: lies(`${round} assembler`, assembler) }),
        ...(direct && { direct: new Map([...direct].map(([to, body]) => [to, lies(`${round} direct`, body, to)])) }),
      }),
    }
    const rules: Rule[] = [
      {
        when: { from: M, to: 2, round: 1, kind: 'broadcast' },
        act: (parcel) =>
          chance(4)
            ? equivocate(c.world, ({ body }) => ({ body: concat(body.slice(0, 32), twoFaced(body.slice(32))) }))(parcel)
            : [parcel],
      },
      // What is sent to the coordinator itself it has as it is.
      { when: { kind: 'assembler' }, act: (parcel) => [parcel] },
      { when: {}, act: (parcel) => (chance(4 * rate) ? relayed(rng, parcel, recorded) : [parcel]) },
    ]
    const inputs = chance(3)
    const run = withInputs(
      (from, _, { u, v }) => {
        if (from !== M || !inputs) return { u, v }
        const group = c.world.curves.secp256k1
        const moved = (list: readonly Uint8Array[]) => list.map((s) => (chance(2) ? group.negAssign(Uint8Array.from(s)) : s))
        return chance(2) ? { u: moved(u), v } : { u, v: moved(v) }
      },
      () => runDkls(c, { malicious: new Map([[M, twin]]), rules, seed }),
    )
    return judged(c, run, seed, held)
  }
  return { c, play }
}

function relayed(rng: Rng, parcel: Parcel, recorded: DklsRun): readonly Parcel[] {
  const other = recorded.sent.find(
    (p) => p.round === parcel.round && p.from === parcel.from && p.to === parcel.to && p.kind === parcel.kind,
  )
  const acts: readonly (() => readonly Parcel[])[] = [
    () => [],
    () => [parcel, { ...parcel, late: 1 }],
    () => [{ ...parcel, late: 1 + pick(rng, 5) }],
    () => [{ ...parcel, bytes: flip(pick(rng, parcel.bytes.length), 1 << pick(rng, 8))(Uint8Array.from(parcel.bytes)) }],
    () => [{ ...parcel, bytes: other?.bytes ?? parcel.bytes }, parcel],
    () => [{ ...parcel, to: 1 + pick(rng, 3) }, parcel],
  ]
  return (acts[pick(rng, acts.length)] as () => readonly Parcel[])()
}

/** @returns how it ended for the two honest signers. */
function judged(c: DklsCase, run: DklsRun, seed: string, held: string): string {
  for (const id of HONEST) {
    const end = run.ends.get(id)
    if (end?.type !== 'failed') continue
    const { code, culprits } = end.fault
    expect(
      culprits.filter((culprit) => culprit !== M),
      `${seed}: ${id} ended with ${code}`,
    ).toEqual([])
    if (VERDICTS[code] === 'ban') expect(culprits, `${seed}: ${code}`).toEqual([M])
    expect(run.assembler.has(id), seed).toBe(false)
    expect(run.commits.get(id), seed).toEqual([])
  }
  expect(heldBy(c), seed).toBe(held)
  for (const [b, outcome] of outcomesOf(c, run, seed).entries()) {
    if (outcome.type === 'signed')
      expectEcdsa(c.scheme, outcome, c.keys[b]?.publicKey as Uint8Array, c.items[b]?.input as Uint8Array)
    if (outcome.type === 'failed')
      expect(
        outcome.culprits.filter((id) => id !== M),
        seed,
      ).toEqual([])
  }
  return HONEST.map((id) => ends(run)[id]).join(', ')
}

function outcomesOf(c: DklsCase, run: DklsRun, seed: string): readonly Outcome[] {
  if (answersOf(run).size < 3) return []
  try {
    return assembleRun(c, run)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    expect(
      error.culprits.filter((id) => id !== M),
      seed,
    ).toEqual([])
    return []
  }
}
