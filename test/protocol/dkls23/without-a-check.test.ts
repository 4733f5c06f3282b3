import { invert } from '@noble/curves/abstract/modular.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { describe, expect, it, vi } from 'vitest'
import { concat, toHex } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import type { AcceptedItem } from '../../../src/protocol/signing/batch.ts'
import type { Rule } from '../../simulator/relay.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { bytes32, numbered } from '../signing/dealt-key.ts'
import type { DklsCase, DklsOptions, DklsRun } from './dkls-run.ts'

/**
 * Decision 20 for DKLs23: one ingredient left out of the real code at a time, and the attack that it is there against. Against the whole
 * code the same attack ends with nothing. What a forgery is worth is judged by a library that is not ours.
 */
const M = 3
const group = nativeCurves.secp256k1
const { order } = group
const mod = (n: bigint): bigint => ((n % order) + order) % order
const div = (n: bigint, d: bigint): bigint => mod(n * invert(mod(d), order))
const int = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes)}`)

/** The modules of a build; each has its own copy of everything, so that nothing left out of one is missing in another. */
async function load() {
  const dkls = await import('./dkls-run.ts')
  const rogue = await import('./rogue.ts')
  const messages = await import('../../../src/protocol/dkls23/messages.ts')
  const contexts = await import('../../../src/protocol/dkls23/context.ts')
  const relay = await import('../../simulator/relay.ts')
  return { ...dkls, ...rogue, ...messages, ...contexts, ...relay }
}
type Build = Awaited<ReturnType<typeof load>>

/** The build in which some exports of one module are replaced. */
async function without(path: string, change: (actual: never) => object): Promise<Build> {
  vi.resetModules()
  vi.doMock(path, async (original) => {
    const actual = (await original()) as object
    return { ...actual, ...change(actual as never) }
  })
  try {
    return await load()
  } finally {
    vi.doUnmock(path)
    vi.resetModules()
  }
}
const whole = (): Promise<Build> => {
  vi.resetModules()
  return load()
}
const SRC = '../../../src/protocol'

/** What a coordinator in league with M makes of the answers: R as the honest signer has it, and s; null if that one did not answer. */
function opened(b: Build, run: DklsRun): { readonly R: Uint8Array; readonly r: bigint; readonly s: bigint } | null {
  const answers = [...b.answersOf(run).values()].map((body) => b.ANSWER.decode(body))
  if (!b.answersOf(run).has(1) || answers.length !== run.ends.size) return null
  const sum = (from: number): bigint => mod(answers.reduce((acc, { shares }) => acc + int(shares.slice(from, from + 32)), 0n))
  const R = b.ANSWER.decode(b.answersOf(run).get(1) as Uint8Array).points.slice(0, 33)
  return { R, r: mod(int(R.slice(1))), s: div(sum(0), sum(32)) }
}

const verifies = (r: bigint, s: bigint, digest: bigint, publicKey: Uint8Array): boolean =>
  secp256k1.verify(concat(group.scalar(r), group.scalar(s)), group.scalar(digest), publicKey, {
    prehash: false,
    lowS: false,
    format: 'compact',
  })

type Loot = 'nothing' | 'key' | 'forgery on a digest of M’s choice' | 'forgery' | 'ban between honest signers' | 'biased nonce'

const digestOf = (c: DklsCase): bigint => int((c.items[0] as (typeof c.items)[0]).input)
const keyOf = (c: DklsCase): Uint8Array => (c.items[0] as (typeof c.items)[0]).publicKey

/**
 * M multiplies with sk_M + delta in place of sk_M: the signers sign under X + delta G, which under X is a signature on z + r delta. It
 * chooses delta when it knows R, by speaking last in round 2: the first run here is what it hears before it speaks in the second.
 */
const relatedKey =
  (threshold: number) =>
  (b: Build): Loot => {
    const c = b.makeDklsCase({ seed: 'related key', threshold, signers: threshold === 2 ? [1, M] : [1, 2, M] })
    const heard = opened(b, b.runDkls(c))
    const wanted = int(bytes32('what nobody approved'))
    const delta = div(wanted - digestOf(c), heard?.r as bigint)
    const lambda = threshold === 2 ? div(1n, 1n - BigInt(M)) : 1n // lambda_3 of {1, 3}: 1/(1-3); of {1, 2, 3}: 1
    const deltaG = group.baseMul(group.scalar(delta))
    const items = b.signerItems(c, M).map((item) => {
      const { share, ...rest } = item as AcceptedItem
      const publicKey = group.sum([rest.item.publicKey, deltaG]) as Uint8Array // what M's own S7 compares with
      return { ...rest, item: { ...rest.item, publicKey }, share: group.scalar(mod(int(share) + div(delta, lambda))) }
    })
    const made = opened(b, b.runDkls(c, { params: (id) => (id === M ? { items } : {}) }))
    if (made === null) return 'nothing'
    return verifies(made.r, made.s, wanted, keyOf(c)) ? 'forgery on a digest of M’s choice' : 'nothing'
  }

/**
 * M announces R_M - epsilon G and multiplies with r_M: (r, s) has r of one point and s of another. With r' of the other,
 * (r', s r'/r) is a signature on z r'/r.
 */
function otherNonce(b: Build): Loot {
  const c = b.makeDklsCase({ seed: 'other nonce', signers: [1, M] })
  const epsilon = group.baseMul(group.scalar(5))
  let calls = 0
  const curves = {
    ...c.world.curves,
    secp256k1: {
      ...group,
      baseMul: (scalar: Uint8Array): Uint8Array =>
        calls++ === 0 ? (group.sum([group.baseMul(scalar), group.negate(epsilon)]) as Uint8Array) : group.baseMul(scalar),
    },
  }
  const made = opened(b, b.runDkls(c, { curvesFor: (id) => (id === M ? curves : c.world.curves) }))
  if (made === null) return 'nothing'
  const other = mod(int((group.sum([made.R, epsilon]) as Uint8Array).slice(1)))
  const digest = mod(digestOf(c) * div(other, made.r))
  expect(digest).not.toBe(digestOf(c))
  return verifies(other, mod(made.s * div(other, made.r)), digest, keyOf(c)) ? 'forgery' : 'nothing'
}

/** A host goes back to an earlier state of its random source, and the set signs another digest: one nonce, two digests. */
function restoredSnapshot(b: Build): Loot {
  const signed = ['first', 'second'].map((name) => {
    const c = b.makeDklsCase({ seed: 'snapshot', signers: [1, M], digests: [bytes32(name)] })
    return { c, z: digestOf(c), made: opened(b, b.runDkls(c, { seed: 'one random source' })) }
  })
  const [one, two] = signed as [(typeof signed)[0], (typeof signed)[0]]
  if (one.made === null || two.made === null || one.made.r !== two.made.r) return 'nothing'
  const k = div(one.z - two.z, one.made.s - two.made.s)
  const x = div(one.made.s * k - one.z, one.made.r)
  return x === int((one.c.keys[0] as (typeof one.c.keys)[0]).secret) ? 'key' : 'nothing'
}

/** M waits for R_1 and then chooses its own nonce so that x(R) ends with four zero bits. */
function lateNonce(b: Build): Loot {
  const c = b.makeDklsCase({ seed: 'late nonce', signers: [1, M] })
  const said = (run: DklsRun): string => toHex(b.openingsOf(run).get(M) as Uint8Array)
  /** M's first draw, which makes r_M, is replaced. */
  const drawing = (choice: Uint8Array): DklsOptions => ({
    rngFor: (id, rng) => {
      let draws = 0
      return (length) => {
        const drawn = rng(length)
        return id === M && draws++ === 0 ? Uint8Array.from(choice) : drawn
      }
    },
  })
  const first = b.runDkls(c, drawing(bytes32('first')))
  for (const choice of numbered('choice', 4000).map(bytes32)) {
    const run = b.runDkls(c, drawing(choice))
    // Round 1 is over when M hears R_1: it cannot say something else then.
    if (said(run) !== said(first)) return 'nothing'
    const R = opened(b, run)?.R ?? group.generator
    if ((R[32] as number) % 16 === 0) return 'biased nonce'
  }
  return 'nothing'
}

const bannedEachOther = (run: DklsRun, b: Build): Loot =>
  [1, 2].some((id) =>
    [1, 2].some((other) => new RegExp(`^(?:OTE|RVOLE|EC)_CHECK.* ${other}\\b`).test(b.ends(run)[id as PartyId] ?? '')),
  )
    ? 'ban between honest signers'
    : 'nothing'

/** M refuses the first item towards 1 and the second towards 2, each time with all that belongs to it: lists of one length that differ. */
function splitRefusals(b: Build): Loot {
  const c = b.makeDklsCase({ seed: 'split refusals', threshold: 3, digests: numbered('split', 2).map(bytes32) })
  const { sessionId } = b.runDkls(c)
  const { suite } = b.dklsParams(c, 1)
  const instances = c.items.map((i) => i.instance)
  const ctx = b.contextOf({ sessionId, suite, threshold: 3, signers: c.signers, instances })
  const salt = bytes32('salt')
  const kept = (to: PartyId): 0 | 1 => (to === 1 ? 1 : 0)
  const only = (list: Uint8Array, width: number, to: PartyId): Uint8Array => list.slice(width * kept(to), width * (kept(to) + 1))
  let points = new Uint8Array(0)
  b.runDkls(c, {
    malicious: b.multiplies(M, (m) => {
      points = Uint8Array.from(m.points)
      return m
    }),
  })
  const opening = (to: PartyId): Uint8Array =>
    b.OPENING.encode({
      status: Uint8Array.from(to === 1 ? [2, 0] : [0, 2]),
      commitment: b.commitmentOf(ctx, M, salt, [only(points, 33, to)]),
    })
  const rules = [1, 2].map(
    (to): Rule => ({
      when: { from: M, to, round: 1, kind: 'broadcast' },
      act: b.equivocate(c.world, ({ body }) => ({ body: concat(body.slice(0, 32), opening(to)) })),
    }),
  )
  const malicious = b.multiplies(M, (m, to) => ({
    salt,
    product: m.product,
    points: only(m.points, 33, to),
    gammaU: only(m.gammaU, 33, to),
    gammaV: only(m.gammaV, 33, to),
    psi: only(m.psi, 32, to),
    keys: only(m.keys, 33, to),
  }))
  return bannedEachOther(b.runDkls(c, { rules, malicious }), b)
}

/** The coordinator has two honest signers use two different set-ups in one session. */
function splitPairs(b: Build): Loot {
  const c = b.makeDklsCase({ seed: 'split pairs', signers: [1, 2] })
  const other = { ...c, pairs: b.dealtPairs([1, 2, 3], 'another set-up') }
  // Each signer derives the session id from what it holds itself, and only sessions of one id meet.
  if (toHex(b.dklsSetup(other).purpose) !== toHex(b.dklsSetup(c).purpose)) return 'nothing'
  return bannedEachOther(b.runDkls(c, { params: (id) => (id === 2 ? { pairs: b.dklsParams(other, 2).pairs } : {}) }), b)
}

interface Row {
  readonly left: string
  readonly path: string
  readonly change: (actual: never) => object
  readonly attack: (b: Build) => Loot
  readonly loot: Loot
}

type Checks = typeof import('../../../src/protocol/dkls23/public-checks.ts')

/** `productsFit` is asked twice for each peer: first about nonces, then about key shares. */
const fitting = (skipped: 0 | 1) => (actual: Checks) => {
  let asked = 0
  return { productsFit: (...args: Parameters<Checks['productsFit']>) => asked++ % 2 === skipped || actual.productsFit(...args) }
}

const ROWS: readonly Row[] = [
  {
    left: 'S4',
    path: `${SRC}/dkls23/public-checks.ts`,
    change: fitting(0),
    attack: otherNonce,
    loot: 'forgery',
  },
  {
    left: 'S5',
    path: `${SRC}/dkls23/public-checks.ts`,
    change: fitting(1),
    attack: relatedKey(2),
    loot: 'forgery on a digest of M’s choice',
  },
  {
    left: 'S7',
    path: `${SRC}/dkls23/public-checks.ts`,
    change: () => ({ assertKeySum: () => {} }),
    attack: relatedKey(3),
    loot: 'forgery on a digest of M’s choice',
  },
  {
    left: 'ctx out of the nonces',
    path: `${SRC}/dkls23/nonce.ts`,
    change: () => ({
      drawNonce: (g: typeof group, rng: (n: number) => Uint8Array) => {
        const [r, phi] = [g.randomScalar(rng), g.randomScalar(rng)] as const
        return { r, phi, point: g.baseMul(r) }
      },
    }),
    attack: restoredSnapshot,
    loot: 'key',
  },
  {
    left: 'the commitment (S2)',
    path: `${SRC}/dkls23/context.ts`,
    change: () => ({ commitmentOf: () => new Uint8Array(32) }),
    attack: lateNonce,
    loot: 'biased nonce',
  },
  {
    left: 'the broadcasts out of the transcript (S9)',
    path: `${SRC}/channel/views.ts`,
    change: () => ({ nextTranscript: (previous: Uint8Array) => previous }),
    attack: splitRefusals,
    loot: 'ban between honest signers',
  },
  {
    left: 'the set-ups out of the session id',
    path: `${SRC}/dkls23/purpose.ts`,
    change: (actual: typeof import('../../../src/protocol/dkls23/purpose.ts')) => ({
      pairedPurpose: (instances: readonly Uint8Array[]) => actual.pairedPurpose(instances, []),
    }),
    attack: splitPairs,
    loot: 'ban between honest signers',
  },
]

describe('decision 20: with one thing left out, its attack succeeds; with nothing left out, it finds nothing', () => {
  it.each(ROWS)('O-09 without $left: $loot', async ({ path, change, attack, loot }) => {
    expect(attack(await without(path, change))).toBe(loot)
    expect(attack(await whole())).toBe('nothing')
  })
})
