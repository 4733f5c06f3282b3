import { describe, expect, it } from 'vitest'
import type { Curves } from '../../../src/protocol/curve/curves.ts'
import type { Group } from '../../../src/protocol/curve/group.ts'
import { equalBytes, toHex } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import type { Env } from '../../../src/protocol/engine/round.ts'
import { type DkgParams, dkg } from '../../../src/protocol/keygen/dkg.ts'
import { SHARE } from '../../../src/protocol/keygen/messages.ts'
import { drop, type Rule } from '../../simulator/relay.ts'
import { wire } from '../../simulator/run-session.ts'
import { findSecrets } from '../../simulator/secret-scan.ts'
import { twin } from '../../simulator/twin.ts'
import { identityOf } from '../../simulator/world.ts'
import { type KeygenRun, keygen, outcome, pendingOf } from './keygen-fixture.ts'
import { rogueDealer } from './rogue-dealer.ts'

const schemes = ['ecdsa-secp256k1', 'ecdsa-p256', 'eddsa-ed25519'] as const

/** Every buffer that a script drew, or computed with secret operations, with what was in it last. */
interface Watch {
  readonly buffers: Set<Uint8Array>
  /** Copies of the values at the time they were drawn. */
  readonly values: Map<string, Uint8Array>
}

/** The same environment, with every secret-touching operation watched. */
function watched(env: Env, watch: Watch): Env {
  const hold = (bytes: Uint8Array): Uint8Array => {
    watch.buffers.add(bytes)
    return bytes
  }
  const draw = (name: string, bytes: Uint8Array): Uint8Array => {
    watch.values.set(`${name} ${watch.values.size} of ${env.self}`, Uint8Array.from(bytes))
    return hold(bytes)
  }
  const over = <G extends Group>(group: G): G => ({
    ...group,
    randomScalar: (rng) => draw('scalar', group.randomScalar(rng)),
    addAssign: (acc, b) => group.addAssign(hold(acc), hold(b)),
    mulAssign: (acc, b) => group.mulAssign(hold(acc), b),
    negAssign: (acc) => group.negAssign(hold(acc)),
  })
  const { secp256k1, p256, ed25519 } = env.curves
  const curves: Curves = { ...env.curves, secp256k1: over(secp256k1), p256: over(p256), ed25519: over(ed25519) }
  return { ...env, curves, rng: (length) => draw('bytes', env.rng(length)) }
}

function watchedRun(options: Parameters<typeof keygen>[0] = {}): { readonly run: KeygenRun; readonly watch: Watch } {
  const watch: Watch = { buffers: new Set(), values: new Map() }
  const script = (env: Env, params: DkgParams) => {
    const inner = watched(env, watch)
    return twin(dkg(inner, params), {
      send: (exchange) => {
        for (const [to, body] of exchange.direct ?? []) {
          watch.buffers.add(body)
          const { share, chainPart } = SHARE.decode(body)
          watch.values.set(`share of ${env.self} for ${to}`, share)
          watch.values.set(`chain part of ${env.self}`, chainPart)
        }
        return exchange
      },
      receive: (inbox) => {
        for (const { direct } of inbox.values()) if (direct !== undefined) watch.buffers.add(direct)
        return inbox
      },
    })
  }
  const rogues = new Map([1, 2, 3].map((id) => [id, options.rogues?.get(id) ?? script] as const))
  return { run: keygen({ ...options, rogues }), watch }
}

describe.each(schemes)('T-13 with %s: what a coordinator records', (scheme) => {
  it('holds no share, coefficient, nonce, chain part or identity secret, in any encoding', () => {
    const { run, watch } = watchedRun({ scheme })
    const secrets = new Map(watch.values)
    for (const id of [1, 2, 3]) {
      const pending = pendingOf(run, id)
      if (pending === undefined) throw new Error('nothing stored')
      secrets.set(`key share of ${id}`, pending.secret.share)
      secrets.set('chain code', pending.secret.chain)
      secrets.set(`signing seed of ${id}`, identityOf(run.world, id).signSeed)
      secrets.set(`exchange secret of ${id}`, identityOf(run.world, id).exchangeSecret)
    }
    // What a script draws and then publishes is its salt; nothing else.
    const published = findSecrets(wire(run), secrets)
    const salts = published.filter((name) => name.startsWith('bytes'))
    expect(salts).toHaveLength(3)
    expect(published).toEqual(salts)
    expect(secrets.size).toBeGreaterThan(30)
  })

  it('no 16-byte piece of a share either', () => {
    const { run } = watchedRun({ scheme })
    const haystack = wire(run)
    const pieces = new Map<string, Uint8Array>()
    for (const id of [1, 2, 3]) {
      const share = pendingOf(run, id)?.secret.share as Uint8Array
      for (let at = 0; at <= 16; at += 8) pieces.set(`bytes ${at} of share ${id}`, share.slice(at, at + 16))
    }
    expect(findSecrets(haystack, pieces)).toEqual([])
  })
})

describe('wiping: after any end, nothing that a script computed with is left', () => {
  const bad = rogueDealer({ share: (_, share) => ({ share: share.toReversed(), chainPart: share }) })
  const ends: Readonly<
    Record<
      string,
      {
        readonly rules?: readonly Rule[]
        readonly rogues?: ReadonlyMap<PartyId, ReturnType<typeof rogueDealer>>
        readonly end: string
      }
    >
  > = {
    'after success': { end: 'done' },
    'stopped in round 1': { rules: [{ when: { round: 1, from: 3 }, act: drop }], end: 'TIMEOUT' },
    'stopped in round 2': { rules: [{ when: { round: 2, from: 3 }, act: drop }], end: 'TIMEOUT' },
    'stopped in round 3': { rules: [{ when: { round: 3, from: 3 }, act: drop }], end: 'TIMEOUT' },
    'after a fault, with a complaint': { rogues: new Map([[3, bad]]), end: 'DKG_SHARE:3' },
  }

  it.each(schemes.flatMap((scheme) => Object.keys(ends).map((name) => [scheme, name] as const)))('%s: %s', (scheme, name) => {
    const { rules = [], rogues, end } = ends[name] as (typeof ends)[string]
    const { run, watch } = watchedRun({ scheme, rules, ...(rogues === undefined ? {} : { rogues }) })
    expect(outcome(run, 1), run.seed).toBe(end)
    expect(watch.buffers.size).toBeGreaterThan(8)
    const traffic = Buffer.from(wire(run))
    const left = [...watch.buffers].filter((bytes) => !bytes.every((b) => b === 0))
    const secrets = [...watch.values].filter(([label]) => !label.startsWith('bytes'))
    for (const bytes of left) {
      for (const [label, value] of secrets) expect(equalBytes(value, bytes), `${label} is left`).toBe(false)
      // What remains is made to be published: salts, responses of proofs. Only a run that stops early has not published them.
      const isPublic = traffic.includes(Buffer.from(bytes))
      expect(isPublic || end === 'TIMEOUT', `${toHex(bytes).slice(0, 8)}.. is left`).toBe(true)
    }
    expect(secrets.length).toBeGreaterThan(8)
  })

  it("the host's copy of the pending key is its own: the script wipes neither it nor lets it see its buffers", () => {
    const { run, watch } = watchedRun()
    for (const id of [1, 2, 3]) {
      const secret = pendingOf(run, id)?.secret
      if (secret === undefined) throw new Error('nothing stored')
      expect(secret.share.some((b) => b !== 0) && secret.chain.some((b) => b !== 0)).toBe(true)
      expect(watch.buffers.has(secret.share) || watch.buffers.has(secret.chain)).toBe(false)
    }
  })
})

describe('errors', () => {
  it('U-03 no fault of a key generation carries bytes of a secret', () => {
    const { run, watch } = watchedRun({
      rogues: new Map([[3, rogueDealer({ share: (_, share) => ({ share: share.toReversed(), chainPart: share }) })]]),
    })
    for (const id of [1, 2]) {
      const end = run.ends.get(id)
      if (end?.type !== 'failed') throw new Error('expected a fault')
      const text = Buffer.from(JSON.stringify({ ...end.fault, message: end.fault.message, stack: end.fault.stack }))
      expect(findSecrets(text, watch.values)).toEqual([])
    }
  })
})
