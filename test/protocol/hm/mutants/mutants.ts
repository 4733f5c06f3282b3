import type { Loot } from './loot.ts'
import type { Field, Missing } from './model.ts'
import { DEEP_SECRET, FOUR_SECRET, fourSets, tooSmallThreshold } from './other-sets.ts'
import { PRESIGNATURE_ATTACKS, PRESIGNATURE_SECRET } from './presignature.ts'
import { REPEATED_CONTEXT } from './repeated-context.ts'
import { attempt, KEYS, makeScene, type SceneOptions } from './scene.ts'
import { intOf, type Session } from './session.ts'
import { SPLIT_VIEWS } from './split-views.ts'

// The mutation table of decision 20. README.md shows it; mutants.test.ts runs it and compares the two.

export type Outcome = 'key extracted' | 'forgery' | 'redundant' | 'not broken'

export interface Row {
  readonly mutant: string
  /** Where it is taken from, or what makes it redundant. */
  readonly from: string
  readonly tickets: 'on' | 'off' | '-'
  readonly corrupt: string
  readonly script: string
  readonly outcome: Outcome
  readonly attack: () => Loot
  /** The key that an attack must end with. */
  readonly secret: bigint
  /** The same script against production; null where only another test can show it. */
  readonly production: (() => Loot) | null
}

const ATTACKS = { ...REPEATED_CONTEXT, ...SPLIT_VIEWS }
type Script = keyof typeof ATTACKS

/** Everything that needs no help of a mutant beyond what it leaves out. */
export const GENERAL_SCRIPTS: readonly Script[] = [
  'twoDigests',
  'twoInstances',
  'twoTweaks',
  'twoKeys',
  'twoEpochs',
  'splitDigest',
  'splitTweak',
  'splitEpoch',
  'splitKey',
  'sharedMasks',
  'squareRoot',
  'forgedLists',
  'forgedZero',
  'forgedIdentity',
  'forgedListsOnce',
  'replacedOwnEntry',
  'replacedOwnEntryTwice',
  'offDegree',
  'offDegreeTwice',
]

const SECRET = intOf(KEYS.a.dealt.secret)
const without = (...fields: readonly Field[]): Missing => ({ fields })

/** The first script of a list that finds something. */
export function firstLoot(scripts: readonly Script[], options: SceneOptions): Loot {
  for (const script of scripts) {
    const loot = attempt(ATTACKS[script], makeScene(options))
    if (loot.type !== 'nothing') return loot
  }
  return { type: 'nothing', why: `${scripts.length} scripts` }
}

interface Choice {
  readonly missing?: Missing
  readonly tickets: 'on' | 'off'
  readonly corrupt?: 1 | 2 | 3
  readonly scripts: readonly Script[]
  readonly extra?: Pick<SceneOptions, 'answersTwice' | 'recomputes' | 'fault' | 'opensMasks' | 'threeRounds'>
  readonly passive?: boolean
}

/** A row whose attack runs in the usual scene. Production meets the same script with its own tickets. */
function row(mutant: string, from: string, outcome: Outcome, c: Choice): Row {
  const { missing = {}, tickets, corrupt = 3, scripts, extra = {} } = c
  const options: SceneOptions = { missing, tickets: tickets === 'on', corrupt, ...extra }
  // What a mutant's host does wrong, production's does right; a computing fault may happen to anybody, and tickets are there for it.
  const production: SceneOptions = {
    missing: null,
    tickets: options.tickets || extra.fault === true,
    corrupt,
    fault: extra.fault === true,
  }
  return {
    mutant,
    from,
    tickets,
    corrupt: c.passive ? 'none' : String(corrupt),
    script: scripts.length > 3 ? 'all general ones' : scripts.join(', '),
    outcome,
    secret: SECRET,
    attack: () => firstLoot(scripts, options),
    production: () => firstLoot(scripts, production),
  }
}

const all = GENERAL_SCRIPTS
const digest = without('digest', 'requestHash')
const tweak = without('tweak', 'path', 'publicKey', 'requestHash')
const key = without('keyId', 'epochId', 'publicKey', 'requestHash')
const sets = without('signers', 'kids', 'tickets')

const special = (
  r: Pick<Row, 'mutant' | 'from' | 'script' | 'outcome' | 'attack' | 'secret' | 'production'> & Partial<Row>,
): Row => ({
  tickets: 'off',
  corrupt: '3',
  ...r,
})

export const MUTANTS: readonly Row[] = [
  row('digest', 'instance, request hash, session id', 'key extracted', {
    missing: digest,
    tickets: 'off',
    scripts: ['twoDigests'],
  }),
  row('digest', 'instance, request hash, session id', 'forgery', { missing: digest, tickets: 'on', scripts: ['splitDigest'] }),
  row('tweak', 'instance (with path and X_child), request hash, session id', 'key extracted', {
    missing: tweak,
    tickets: 'off',
    scripts: ['twoTweaks'],
  }),
  row('tweak', 'instance (with path and X_child), request hash, session id', 'forgery', {
    missing: tweak,
    tickets: 'on',
    scripts: ['splitTweak'],
  }),
  row('key', 'instance (key id, epoch id, X_child), request hash, session id', 'key extracted', {
    missing: key,
    tickets: 'off',
    scripts: ['twoKeys'],
  }),
  row('key', 'instance (key id, epoch id, X_child), request hash, session id', 'not broken', {
    missing: key,
    tickets: 'on',
    scripts: ['splitKey', 'splitDigest', 'forgedListsOnce'],
  }),
  row('epoch', 'instance, session id', 'key extracted', { missing: without('epochId'), tickets: 'off', scripts: ['twoEpochs'] }),
  row('epoch', 'instance, session id', 'forgery', { missing: without('epochId'), tickets: 'on', scripts: ['splitEpoch'] }),
  special({
    mutant: 'S, with one PRSS key per node pair for all sets',
    from: 'ctx (with kids and tickets), session id; 2-of-4',
    corrupt: '4',
    script: 'fourSets',
    outcome: 'key extracted',
    secret: FOUR_SECRET,
    attack: () => fourSets({ missing: sets, keysPerSet: false }),
    production: () => fourSets('production'),
  }),
  special({
    mutant: 'S, with PRSS keys per set as in production',
    from: 'ctx (with kids and tickets), session id; another set has other keys',
    corrupt: '4',
    script: 'fourSets',
    outcome: 'redundant',
    secret: FOUR_SECRET,
    attack: () => fourSets({ missing: sets, keysPerSet: true }),
    production: () => fourSets('production'),
  }),
  row('instance index b', 'stream position: every item has the values of item 0', 'key extracted', {
    missing: { index: true },
    tickets: 'on',
    scripts: ['twoInstances'],
    passive: true,
  }),
  row('kid', 'ctx; another kid is another key, so other values', 'redundant', {
    missing: without('kids'),
    tickets: 'off',
    scripts: all,
  }),
  row('path', 'instance; enters a share through the tweak only', 'redundant', {
    missing: without('path'),
    tickets: 'off',
    scripts: all,
  }),
  row('X_child', 'instance; a function of key and tweak, which stay', 'redundant', {
    missing: without('publicKey'),
    tickets: 'off',
    scripts: all,
  }),
  row('request_hash', 'instance, session id; enters no share', 'redundant', {
    missing: without('requestHash'),
    tickets: 'off',
    scripts: all,
  }),
  row('scheme', 'ctx, PRF input, session id; hm refuses every scheme but one', 'redundant', {
    missing: without('suite'),
    tickets: 'off',
    scripts: all,
  }),
  row('session id', 'ctx; the instances are hashed in directly', 'redundant', {
    missing: without('sessionId'),
    tickets: 'off',
    scripts: all,
  }),
  row('ticket', 'ctx (checked all the same); enters no share', 'redundant', {
    missing: without('tickets'),
    tickets: 'off',
    scripts: all,
  }),
  row('ticket, and a flipped digest bit in one honest signer', 'ctx (checked all the same)', 'key extracted', {
    missing: without('tickets'),
    tickets: 'on',
    scripts: ['freshTicketWithFault'],
    extra: { fault: true },
  }),
  row('tickets as such', 'host; one context again gives the same bytes (L5)', 'redundant', { tickets: 'off', scripts: all }),
  row('tickets as such, and a flipped digest bit in one honest signer', 'host', 'key extracted', {
    tickets: 'off',
    scripts: ['repeatedWithFault'],
    extra: { fault: true },
  }),
  row('bind', 'mask input', 'key extracted', { missing: { bind: true }, tickets: 'off', scripts: ['forgedLists'] }),
  row('bind', 'mask input; each signer answers one list', 'not broken', {
    missing: { bind: true },
    tickets: 'on',
    scripts: ['forgedListsOnce', 'splitDigest', 'sharedMasks'],
  }),
  row('one answer per session', 'host; masks differ with the list (L2)', 'redundant', {
    tickets: 'on',
    scripts: ['forgedLists', 'forgedZero', 'forgedIdentity'],
    extra: { answersTwice: true },
  }),
  row('one answer per session, and bind', 'host, mask input', 'key extracted', {
    missing: { bind: true },
    tickets: 'on',
    scripts: ['forgedLists'],
    extra: { answersTwice: true },
  }),
  row('round 2 only after an own round 1', 'host: recomputed from a ctx that this signer never approved', 'forgery', {
    tickets: 'on',
    scripts: ['withoutApproval'],
    extra: { recomputes: true },
  }),
  row('C1: points are points', 'round 2; public sums only, and the masks cover the list', 'redundant', {
    missing: { checks: ['C1'] },
    tickets: 'off',
    scripts: all,
  }),
  row('C2: own entry', 'round 2: the entry is read from the list', 'forgery', {
    missing: { checks: ['C2'] },
    tickets: 'on',
    scripts: ['replacedOwnEntry'],
  }),
  row('C2: own entry', 'round 2: the entry is read from the list', 'key extracted', {
    missing: { checks: ['C2'] },
    tickets: 'off',
    scripts: ['replacedOwnEntryTwice'],
  }),
  ...([1, 2] as const).flatMap((corrupt) => [
    row('C3: degree', 'round 2', 'forgery', { missing: { checks: ['C3'] }, tickets: 'on', corrupt, scripts: ['offDegree'] }),
    row('C3: degree', 'round 2', 'key extracted', {
      missing: { checks: ['C3'] },
      tickets: 'off',
      corrupt,
      scripts: ['offDegreeTwice'],
    }),
  ]),
  row('C3: degree', 'round 2; R = 2 R_1 - R_2 does not read signer 3', 'redundant', {
    missing: { checks: ['C3'] },
    tickets: 'off',
    scripts: ['offDegree', 'offDegreeTwice', 'forgedLists'],
  }),
  row('C4: R and r not zero', 'round 2; C2, C3 leave no choice of R, and the masks cover the list', 'redundant', {
    missing: { checks: ['C4'] },
    tickets: 'off',
    scripts: all,
  }),
  row('C5: deadline', 'host; no share depends on a time', 'redundant', {
    tickets: 'off',
    scripts: ['twoDigests', 'forgedLists'],
  }),
  row('MACs of the light channel', 'every script here runs without any authentication', 'redundant', {
    tickets: 'off',
    scripts: all,
  }),
  row('mask labels', 'one mask for mu and nu', 'key extracted', {
    missing: { maskLabels: true },
    tickets: 'on',
    scripts: ['sharedMasks'],
    passive: true,
  }),
  row('nonce streams', 'one stream for k and a', 'key extracted', {
    missing: { nonceStreams: true },
    tickets: 'on',
    scripts: ['squareRoot'],
    passive: true,
  }),
  row('masks kept closed (N1)', 'signers open their zero masks after a session', 'key extracted', {
    tickets: 'on',
    scripts: ['openedMasks'],
    extra: { opensMasks: true },
  }),
  row('order of H3, bind out of the masks', 'w opened before the share that is divided by it, no check of W', 'key extracted', {
    missing: { bind: true },
    tickets: 'off',
    scripts: ['splitW'],
    extra: { threeRounds: true },
  }),
  row('order of H3, masks bound', 'w opened before the share that is divided by it; masks cover w', 'redundant', {
    tickets: 'off',
    scripts: ['splitW'],
    extra: { threeRounds: true },
  }),
  special({
    mutant: "t' = t - 1",
    from: "host: a key of t = 3 in a session with t' = 1 (M1)",
    tickets: 'on',
    corrupt: '2, 3',
    script: 'tooSmallThreshold',
    outcome: 'key extracted',
    secret: DEEP_SECRET,
    attack: () => tooSmallThreshold('model'),
    production: null,
  }),
  ...(Object.keys(PRESIGNATURE_ATTACKS) as (keyof typeof PRESIGNATURE_ATTACKS)[]).map((name) =>
    special({
      mutant: 'digest and tweak fixed before R (2.3)',
      from: 'a naive presignature in place of H2',
      tickets: 'on',
      corrupt: { disjointHalves: '5', threeSets: '5', threeDigests: '4', twoTweaks: '4', exactSet: '3' }[name],
      script: name,
      outcome: name === 'exactSet' ? 'forgery' : 'key extracted',
      secret: PRESIGNATURE_SECRET,
      attack: PRESIGNATURE_ATTACKS[name],
      production: null,
    }),
  ),
]

const changed = (session: Session, change: Partial<Session['items'][number]>): Session => ({
  ...session,
  items: session.items.map((item) => ({ ...item, ...change })),
})

/** What two sessions may differ in without any difference in a share: with the field out of ctx, the answers are the same bytes. */
export const FREE_FIELDS: readonly { readonly field: Field; readonly vary: (session: Session) => Session }[] = [
  { field: 'path', vary: (s) => changed(s, { path: 'm/0' }) },
  { field: 'publicKey', vary: (s) => changed(s, { publicKey: KEYS.b.dealt.publicKey }) },
  { field: 'requestHash', vary: (s) => changed(s, { requestHash: new Uint8Array(32) }) },
  { field: 'suite', vary: (s) => ({ ...s, suite: 2 }) },
  { field: 'sessionId', vary: (s) => ({ ...s, sessionId: new Uint8Array(32) }) },
  { field: 'tickets', vary: (s) => ({ ...s, tickets: s.tickets.toReversed() }) },
]

export const tableOf = (rows: readonly Row[]): string =>
  [
    '| Left out | From | Tickets | Corrupt | Script | Outcome |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows.map((r) => `| ${r.mutant} | ${r.from} | ${r.tickets} | ${r.corrupt} | ${r.script} | ${r.outcome} |`),
  ].join('\n')
