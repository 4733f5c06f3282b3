import { describe, expect, it } from 'vitest'
import { concat, u8 } from '../../src/protocol/engine/bytes.ts'
import type { Protocol } from '../../src/protocol/engine/round.ts'
import { drop, type Parcel, record, spliceFrom } from './relay.ts'
import { runSession } from './run-session.ts'
import { findSecrets } from './secret-scan.ts'
import { pick, seededRng } from './seeded-rng.ts'
import { twin } from './twin.ts'
import { identityOf, makeWorld, setupOf } from './world.ts'

const world = makeWorld({ ids: [1, 2, 9], seed: 'simulator' })
const setup = setupOf(world, { protocol: 'prss', suite: 'none', threshold: 2 })

function* once(self: number, parties: readonly number[]): Protocol<number, string> {
  const inbox = yield {
    name: 'once',
    broadcast: u8(self),
    from: parties.filter((id) => id !== self),
    commit: `stored by ${self}`,
  }
  yield { name: 'result', assembler: u8(self), from: [] }
  return [...inbox.values()].reduce((sum, { broadcast }) => sum + (broadcast?.[0] ?? 0), self)
}
const plan = {
  world,
  setup,
  seed: 'plan',
  scriptFor: (env: { self: number; parties: readonly number[] }) => once(env.self, env.parties),
}

describe('a run', () => {
  it('records ends, commits, traffic and what reached the assembler', () => {
    const run = runSession(plan)
    for (const id of [1, 2, 9]) {
      expect(run.ends.get(id)).toMatchObject({ type: 'done', result: 12 })
      expect(run.commits.get(id)).toEqual([`stored by ${id}`])
      expect(run.assembler.get(id)).toHaveLength(1)
    }
    expect(run.traffic).toHaveLength(6)
    expect(run.sent).toHaveLength(9)
    expect(run.missing.size).toBe(0)
  })

  it('is a function of its seed, and of nothing else', () => {
    expect(runSession(plan)).toEqual(runSession(plan))
    expect(runSession({ ...plan, seed: 'other' }).traffic).not.toEqual(runSession(plan).traffic)
  })

  it('says who waited for whom when nothing is left to deliver', () => {
    const run = runSession({ ...plan, rules: [{ when: { from: 9, to: 1, kind: 'broadcast' }, act: drop }] })
    expect(run.ends.get(1)).toMatchObject({ type: 'failed', fault: { code: 'TIMEOUT', culprits: [] } })
    expect([...run.missing]).toEqual([[1, [9]]])
    expect(run.ends.get(2)).toMatchObject({ type: 'done' })
  })

  it('names its seed when a script has a bug', () => {
    const broken = function* (): Protocol<number, string> {
      yield { name: 'one', broadcast: u8(1), from: [] }
      throw new TypeError('a bug')
    }
    expect(() => runSession({ ...plan, scriptFor: broken })).toThrow("seed 'plan': a bug")
  })

  it('refuses a set-up that a signer would refuse', () => {
    expect(() => runSession({ ...plan, setup: { ...setup, signers: [1, 2, 3] } })).toThrow('unknown signer')
  })
})

describe('rules', () => {
  it('the first that matches acts, and only on what matches', () => {
    const seen: Parcel[] = []
    runSession({
      ...plan,
      rules: [
        { when: { from: 1, to: 2 }, act: record(seen) },
        { when: { from: 1 }, act: (p) => [p] },
        { when: { kind: 'assembler' }, act: record(seen) },
      ],
    })
    expect(seen.map((p) => [p.from, p.to, p.kind]).sort()).toEqual([
      [1, 2, 'broadcast'],
      [2, 0, 'assembler'],
      [9, 0, 'assembler'],
    ])
  })

  it('splice takes the parcel of the same place', () => {
    const recorded = runSession({ ...plan, seed: 'recorded' }).sent
    const parcel = runSession(plan).sent.find((p) => p.from === 9 && p.to === 2) as Parcel
    const [spliced] = spliceFrom(recorded)(parcel)
    expect(spliced).toMatchObject({ from: 9, to: 2, round: 1, kind: 'broadcast' })
    expect(spliced?.bytes).not.toEqual(parcel.bytes)
    expect(spliceFrom([])(parcel)).toEqual([parcel])
  })
})

describe('twin', () => {
  it('changes what is sent and what is heard, and ends with the script', () => {
    const run = runSession({
      ...plan,
      scriptFor: (env) =>
        twin(once(env.self, env.parties), {
          send: (exchange, round) => (env.self === 9 && round === 1 ? { ...exchange, broadcast: u8(100) } : exchange),
          receive: (inbox) => (env.self === 2 ? new Map() : inbox),
        }),
    })
    expect([1, 2, 9].map((id) => run.ends.get(id))).toMatchObject([{ result: 103 }, { result: 2 }, { result: 12 }])
  })

  it('lets the script wipe when it is stopped', () => {
    const secret = Uint8Array.of(1)
    function* waiting(): Protocol<void> {
      try {
        yield { name: 'wait', broadcast: u8(0), from: [2] }
      } finally {
        secret.fill(0)
      }
    }
    const script = twin(waiting(), {})
    script.next(new Map())
    script.return(undefined)
    expect(secret).toEqual(Uint8Array.of(0))
  })
})

describe('the secret scan finds what is there', () => {
  const secret = seededRng('needle')(32)
  const names = new Map([['needle', secret]])
  const noise = (length: number): Uint8Array => seededRng(`noise ${length}`)(length)
  const around = (bytes: Uint8Array): Uint8Array => concat(noise(100), bytes, noise(77))
  const found = (bytes: Uint8Array): string => findSecrets(around(bytes), names).join()

  it('raw, reversed, as hex of either case, as a decimal number', () => {
    expect(found(secret)).toContain('needle as raw')
    expect(found(secret.toReversed())).toContain('reversed raw')
    expect(found(Buffer.from(Buffer.from(secret).toString('hex')))).toContain('hex')
    expect(found(Buffer.from(Buffer.from(secret).toString('hex').toUpperCase()))).toContain('upper-case hex')
    expect(found(Buffer.from(BigInt(`0x${Buffer.from(secret).toString('hex')}`).toString()))).toContain('decimal')
  })

  it('base64 and base64url, wherever it stands in the encoded text', () => {
    for (let before = 0; before < 6; before++) {
      for (let after = 0; after < 4; after++) {
        const text = Buffer.concat([noise(before), secret, noise(after)])
        expect(found(Buffer.from(text.toString('base64'))), `${before} ${after}`).toContain('base64')
        expect(found(Buffer.from(text.toString('base64url'))), `${before} ${after}`).toContain('base64')
      }
    }
  })

  it('and nothing in noise, or when one bit is missing', () => {
    expect(findSecrets(noise(20_000), names)).toEqual([])
    expect(found(secret.map((b, i) => (i === 31 ? b ^ 1 : b)))).toBe('')
  })
})

describe('worlds', () => {
  it('have the ids that were asked for, and identities that fit the roster', () => {
    expect(world.roster.members.map((m) => m.id)).toEqual([1, 2, 9])
    for (const m of world.roster.members) {
      expect(world.curves.ed25519PublicKey(identityOf(world, m.id).signSeed)).toEqual(m.signKey)
      expect(world.curves.x25519PublicKey(identityOf(world, m.id).exchangeSecret)).toEqual(m.exchangeKey)
    }
    expect(() => identityOf(world, 3)).toThrow('no signer 3')
    expect(makeWorld({ ids: 3, seed: 'simulator' }).roster.members.map((m) => m.id)).toEqual([1, 2, 3])
  })

  it('a seed names one world', () => {
    expect(makeWorld({ ids: 3, seed: 'a' }).roster).toEqual(makeWorld({ ids: 3, seed: 'a' }).roster)
    expect(makeWorld({ ids: 3, seed: 'a' }).roster.hash).not.toEqual(makeWorld({ ids: 3, seed: 'b' }).roster.hash)
  })

  it('pick stays in range and reaches all of it', () => {
    const rng = seededRng('pick')
    const seen = new Set(Array.from({ length: 200 }, () => pick(rng, 7)))
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5, 6])
  })
})
