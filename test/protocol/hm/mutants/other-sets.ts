import type { PartyId } from '../../../../src/protocol/engine/party.ts'
import { type Generation, makeSharedKey, type SharedKey } from '../../../../src/protocol/prss/generation.ts'
import type { Instance } from '../../../../src/protocol/request/instance.ts'
import { makeWorld, type World } from '../../../simulator/world.ts'
import { makeGenerations } from '../../prss/establish-run.ts'
import { bytes32, type DealtKey, dealKey } from '../../signing/dealt-key.ts'
import { keyAmong, type Loot, nothing } from './loot.ts'
import { lambda, type Missing, type ModelSigner, modelSigner } from './model.ts'
import { productionSigner } from './production.ts'
import { nonceOf, totals } from './scene.ts'
import { Fq, type HonestSigner, intOf, mod, rOf, type Session, scalarOf } from './session.ts'

// Attacks that need another set of signers than {1, 2, 3} with one corrupt member.

const Z = mod(intOf(bytes32('approved')))
const deal = (world: World, ids: readonly PartyId[], threshold: number, seed: string): DealtKey =>
  dealKey({ curves: world.curves, scheme: 'ecdsa-secp256k1', ids, threshold, seed })
const itemOf = (key: DealtKey): Instance => ({
  keyId: bytes32('key'),
  epochId: bytes32('epoch'),
  path: 'm',
  tweak: new Uint8Array(32),
  publicKey: key.publicKey,
  digest: scalarOf(Z),
  requestHash: bytes32('request'),
})
const sessionOf = (signers: readonly PartyId[], key: DealtKey): Session => ({
  sessionId: bytes32('session'),
  suite: 1,
  threshold: 2,
  signers,
  tickets: signers.map((id) => bytes32(`ticket ${id}`).slice(0, 16)),
  items: [itemOf(key)],
})
const shareIn = (key: DealtKey, id: PartyId): bigint => intOf(key.shares.get(id) as Uint8Array)

const four = makeWorld({ ids: 4, seed: 'four' })
const FOUR_KEY = deal(four, [1, 2, 3, 4], 2, 'four')
export const FOUR_SECRET = intOf(FOUR_KEY.secret)
const SETS: readonly (readonly PartyId[])[] = [
  [1, 2, 3],
  [1, 2, 4],
  [1, 3, 4],
  [2, 3, 4],
]

/** One key per node pair, used in every set that has both nodes: what 1.3 of the design page allows and production does not do. */
function pairwise(id: PartyId): Generation {
  const pairs = new Map<PartyId, SharedKey>()
  for (const peer of [1, 2, 3, 4].filter((j) => j !== id)) {
    const members = [id, peer].sort()
    pairs.set(peer, makeSharedKey(members, bytes32(`kid ${members}`), bytes32(`pair ${members}`)))
  }
  return { signers: [1, 2, 3, 4], threshold: 2, kids: [], pairs, subsets: [...pairs.values()] }
}

/**
 * 2-of-4, signer 4 corrupt, one digest in all four sets of three. Each nonce is a combination of the same three unknown pair values,
 * k_S = sum r_ij (the third member), and linear in x: four equations, four unknowns.
 */
export function fourSets(build: 'production' | { readonly missing: Missing; readonly keysPerSet: boolean }): Loot {
  const equations: bigint[][] = []
  for (const [n, signers] of SETS.entries()) {
    const generations = makeGenerations(four, 2, signers, `set ${n}`)
    const generation = (id: PartyId): Generation =>
      build === 'production' || build.keysPerSet ? (generations.get(id) as Generation) : pairwise(id)
    const missing = build === 'production' ? {} : build.missing
    const model = (id: PartyId): ModelSigner =>
      modelSigner({ id, generation: generation(id), shareOf: () => shareIn(FOUR_KEY, id), missing })
    const honest = (id: PartyId): HonestSigner =>
      build === 'production'
        ? productionSigner({ world: four, id, generation: generation(id), shareOf: () => shareIn(FOUR_KEY, id) })
        : model(id)
    const session = sessionOf(signers, FOUR_KEY)
    const all = signers.map((id) => (id === 4 ? model(id) : honest(id)))
    const lists = new Map(all.map((s) => [s.id, s.open(session)]))
    const { s } = totals(new Map(all.map((signer) => [signer.id, signer.answer(session, lists)])))
    const r = rOf(nonceOf(lists))
    const third = (i: PartyId, j: PartyId): bigint => BigInt(signers.find((m) => m !== i && m !== j) as PartyId)
    const known = signers.includes(4)
      ? [...model(4).parts(session)].reduce((sum, [peer, value]) => sum + value * third(4, peer), 0n)
      : 0n
    const unknown = (i: PartyId, j: PartyId): bigint => (signers.includes(i) && signers.includes(j) ? mod(s * third(i, j)) : 0n)
    // s (known + sum of unknowns) = z + r x
    equations.push([unknown(1, 2), unknown(1, 3), unknown(2, 3), mod(-r), mod(Z - s * known)])
  }
  const x = solveLast(equations)
  return x === null ? nothing('no solution') : keyAmong([x], FOUR_KEY.publicKey)
}

/** The last unknown of a square linear system mod q, by elimination. */
function solveLast(rows: readonly (readonly bigint[])[]): bigint | null {
  const m = rows.map((row) => [...row])
  for (let c = 0; c < m.length; c++) {
    const pivot = m.findIndex((row, i) => i >= c && row[c] !== 0n)
    if (pivot < 0) return null
    const [row] = m.splice(pivot, 1) as [bigint[]]
    const inverse = Fq.inv(row[c] as bigint)
    const scaled = row.map((v) => mod(v * inverse))
    m.splice(c, 0, scaled)
    for (let i = 0; i < m.length; i++) {
      const factor = m[i]?.[c] as bigint
      if (i !== c) m[i] = (m[i] as bigint[]).map((v, n) => mod(v - factor * (scaled[n] as bigint)))
    }
  }
  return m.at(-1)?.at(-1) ?? null
}

const three = makeWorld({ ids: 3, seed: 'three of three' })
const DEEP_KEY = deal(three, [1, 2, 3], 3, 'deep')
export const DEEP_SECRET = intOf(DEEP_KEY.secret)

/** A key of t = 3 in a session with t' = 1 and two corrupt signers: together they hold all of signer 1's PRSS keys (M1). */
export function tooSmallThreshold(build: 'production' | 'model'): Loot {
  const signers: readonly PartyId[] = [1, 2, 3]
  const generations = makeGenerations(three, 2, signers, 'deep')
  const generation = (id: PartyId): Generation => generations.get(id) as Generation
  const shareOf = (id: PartyId) => (): bigint => shareIn(DEEP_KEY, id)
  const session = sessionOf(signers, DEEP_KEY)
  const own = { id: 1, generation: generation(1), shareOf: shareOf(1) }
  const honest = build === 'production' ? productionSigner({ world: three, ...own }) : modelSigner(own)
  const keys = [2, 3].map((id) => [id, generation(id).pairs.get(1) as SharedKey] as const)
  const seen: Generation = { ...generation(2), pairs: new Map(keys), subsets: keys.map(([, key]) => key) }
  const shadow = modelSigner({ id: 1, generation: seen, shareOf: () => 0n })
  const lists = new Map([
    [1, honest.open(session)],
    ...[2, 3].map((id) => [id, modelSigner({ id, generation: generation(id), shareOf: shareOf(id) }).open(session)] as const),
  ])
  const [answer] = honest.answer(session, lists)
  const [without] = shadow.answer(session, lists)
  const [nonce] = shadow.nonces(session)
  if (answer === undefined || without === undefined || nonce === undefined) return nothing('')
  const r = rOf(nonceOf(lists))
  const x1 = mod((answer.nu - without.nu) * Fq.inv(mod(lambda(1, signers) * nonce.a * r)))
  const x = [x1, shareIn(DEEP_KEY, 2), shareIn(DEEP_KEY, 3)].reduce((sum, xi, i) => sum + lambda(i + 1, signers) * xi, 0n)
  return keyAmong([x], DEEP_KEY.publicKey)
}
