import { describe, expect, it } from 'vitest'
import { concat, equalBytes } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { broadcastOf, type Env } from '../../../src/protocol/engine/round.ts'
import { assembleCertificate, certificateMessage, verifyCertificate } from '../../../src/protocol/keygen/certificate.ts'
import { type DkgParams, dkg, type PendingKey } from '../../../src/protocol/keygen/dkg.ts'
import type { PublicPackage } from '../../../src/protocol/keygen/key-record.ts'
import { type Confirmation, verdictCodec } from '../../../src/protocol/keygen/messages.ts'
import { confirmationChallenge, prove } from '../../../src/protocol/keygen/proof.ts'
import { drop, equivocate, type Rule } from '../../simulator/relay.ts'
import { twin } from '../../simulator/twin.ts'
import { identityOf } from '../../simulator/world.ts'
import {
  assertSafe,
  type Keygen,
  type KeygenRun,
  type KeygenScript,
  keygen,
  outcome,
  outcomes,
  paramsFor,
  pendingOf,
  worldOf,
} from './keygen-fixture.ts'
import { verdictsOf } from './read-traffic.ts'

const ROGUE = 3
const schemes = ['ecdsa-secp256k1', 'eddsa-ed25519'] as const

/** Signer 3 runs the protocol honestly up to its confirmation and then says something else. */
function confirmWith(
  change: (honest: Confirmation, pending: PendingKey, env: Env) => Confirmation,
  options: Keygen = {},
): KeygenRun {
  const rogue = (env: Env, params: DkgParams): KeygenScript => {
    const scheme = options.scheme ?? 'ecdsa-secp256k1'
    const codec = verdictCodec(env.curves[scheme === 'eddsa-ed25519' ? 'ed25519' : 'secp256k1'])
    return twin(dkg(env, params), {
      send: (exchange) => {
        if (exchange.commit === undefined) return exchange
        const verdict = codec.decode(exchange.broadcast as Uint8Array)
        if (verdict.type !== 'confirmation') throw new Error('an honest signer confirms')
        const value = change(verdict.value, exchange.commit, env)
        return { ...exchange, broadcast: codec.encode({ type: 'confirmation', value }) }
      },
    })
  }
  const run = keygen({ ...options, rogues: new Map([[ROGUE, rogue]]) })
  assertSafe(run, [ROGUE])
  return run
}
const blamed = (run: KeygenRun, code: string): void =>
  expect([outcome(run, 1), outcome(run, 2)], run.seed).toEqual([`${code}:3`, `${code}:3`])

describe.each(schemes)('D7 with %s: proof of knowledge of the own share', (scheme) => {
  const group = worldOf(3).curves[scheme === 'eddsa-ed25519' ? 'ed25519' : 'secp256k1']
  const honest = keygen({ scheme })
  const knowledgeOf = (id: PartyId, run = honest) => {
    const verdict = verdictsOf(run).get(id)
    if (verdict?.type !== 'confirmation') throw new Error('no confirmation')
    return verdict.value.knowledge
  }
  const withProof = (knowledge: Confirmation['knowledge']): void =>
    blamed(
      confirmWith((own) => ({ ...own, knowledge }), { scheme }),
      'DKG_CONF',
    )

  it('Z-02, Z-10: each part altered, zero, not canonical, no point', () => {
    const own = knowledgeOf(ROGUE)
    withProof({ ...own, commitment: group.generator })
    withProof({ ...own, commitment: group.negate(own.commitment) })
    withProof({ ...own, commitment: own.commitment.map(() => 0) })
    withProof({ ...own, response: group.scalar(0) })
    withProof({ ...own, response: group.addAssign(Uint8Array.from(own.response), group.scalar(1)) })
    withProof({ ...own, response: new Uint8Array(32).fill(0xff) })
  })

  it("Z-01: the proof of another signer in this session; one's own of another session", () => {
    withProof(knowledgeOf(1))
    withProof(knowledgeOf(2))
    withProof(knowledgeOf(ROGUE, keygen({ scheme, name: 'another', seed: 'keygen' })))
  })

  it('K-13, 14.2 PoK: for another X_j than the commitments give: a share that the signer made up', () => {
    blamed(
      confirmWith(
        (own, { key }, env) => {
          const invented = group.randomScalar(env.rng)
          const point = group.baseMul(invented)
          return {
            ...own,
            knowledge: prove(group, [invented], confirmationChallenge(group, key.transcript, env.self, point), env.rng),
          }
        },
        { scheme },
      ),
      'DKG_CONF',
    )
  })

  it('K-17: a proof bound to another transcript', () => {
    blamed(
      confirmWith(
        (own, { key, secret }, env) => {
          const place = key.verificationShares[2] as Uint8Array
          const transcript = new Uint8Array(32).fill(1)
          return {
            ...own,
            knowledge: prove(group, [secret.share], confirmationChallenge(group, transcript, env.self, place), env.rng),
          }
        },
        { scheme },
      ),
      'DKG_CONF',
    )
  })

  it('K-17: a signer whose own transcript was swapped cannot finish, and convicts itself only', () => {
    const swapped = (env: Env, params: DkgParams) => dkg({ ...env, transcript: () => new Uint8Array(32).fill(9) }, params)
    const run = keygen({ scheme, rogues: new Map([[ROGUE, swapped]]) })
    blamed(run, 'DKG_CONF')
    assertSafe(run, [ROGUE])
  })
})

describe('D8: certificate signature over what everybody computed', () => {
  const world = worldOf(3)
  const signAs = (id: PartyId, key: PublicPackage): Uint8Array => paramsFor(world, id, key.scheme).sign(certificateMessage(key))
  const withSignature = (make: (key: PublicPackage, own: Uint8Array) => Uint8Array): void =>
    blamed(
      confirmWith((own, { key }) => ({ ...own, signature: make(key, own.signature) })),
      'DKG_CERT',
    )
  const other = new Uint8Array(32).fill(7)

  it('14.2 certificate: empty, altered, by another key', () => {
    withSignature(() => new Uint8Array(64))
    withSignature((_, own) => own.map((b, i) => (i === 0 ? b ^ 1 : b)))
    withSignature((_, own) => own.map((b, i) => (i === 63 ? b ^ 0x80 : b)))
    withSignature((key) => signAs(1, key))
  })

  it('14.2 certificate: over another value of each certified field', () => {
    const changes: readonly ((key: PublicPackage) => Partial<PublicPackage>)[] = [
      () => ({ sessionId: other }),
      () => ({ transcript: other }),
      () => ({ scheme: 'schnorr-secp256k1' }),
      (key) => ({ publicKey: key.verificationShares[0] as Uint8Array }),
      (key) => ({ verificationShares: key.verificationShares.toReversed() }),
      () => ({ keyId: other }),
      () => ({ epochId: other }),
      () => ({ epoch: 2 }),
      () => ({ threshold: 3 }),
      () => ({ parties: [1, 2, 4] }),
      () => ({ rosterHash: other }),
      () => ({ requestHash: other }),
    ]
    for (const change of changes) withSignature((key) => signAs(ROGUE, { ...key, ...change(key) }))
  })

  it('a signature over the 32 bytes of an envelope is no certificate signature, nor the reverse', () => {
    withSignature((key) => world.curves.ed25519Sign(key.sessionId, identityOf(world, ROGUE).signSeed))
  })

  it('the request that asked for the key is certified: a signer that was shown another request stops it', () => {
    const misled = (env: Env, params: DkgParams) => dkg(env, { ...params, requestHash: other })
    const run = keygen({ rogues: new Map([[ROGUE, misled]]) })
    blamed(run, 'DKG_CERT')
    assertSafe(run, [ROGUE])
  })
})

describe('bodies of round 3 that are no verdict', () => {
  const speak = (change: (body: Uint8Array) => Uint8Array): void => {
    const rogue = (env: Env, params: DkgParams): KeygenScript =>
      twin(dkg(env, params), {
        send: (exchange, round) =>
          round === 3 ? { ...exchange, broadcast: change(exchange.broadcast as Uint8Array) } : exchange,
      })
    const run = keygen({ rogues: new Map([[ROGUE, rogue]]) })
    blamed(run, 'DKG_MALFORMED')
    assertSafe(run, [ROGUE])
  }

  it.each([
    ['empty', () => new Uint8Array(0)],
    ['cut', (body: Uint8Array) => body.slice(0, -1)],
    ['a byte more', (body: Uint8Array) => concat(body, Uint8Array.of(0))],
    ['a third case', (body: Uint8Array) => body.with(1, 2)],
    ['the case of a complaint', (body: Uint8Array) => body.with(1, 1)],
    ['nil', () => Uint8Array.of(0xc0)],
  ])('%s', (_, change) => {
    speak(change)
  })
})

describe('K-12, decisions.md 3: the last message is lost', () => {
  const lost = (...to: PartyId[]): readonly Rule[] => to.map((id) => ({ when: { round: 3, from: ROGUE, to: id }, act: drop }))

  it('one signer lacks a confirmation: it keeps its share as pending, and the certificate of another makes it real', () => {
    const run = keygen({ rules: lost(1) })
    expect(outcomes(run)).toEqual({ 1: 'TIMEOUT', 2: 'done', 3: 'done' })
    assertSafe(run)
    const end = run.ends.get(2)
    if (end?.type !== 'done') throw new Error('no certificate')
    expect(verifyCertificate(end.result.certificate, run.world.roster, run.world.curves)).toBe(true)
    expect(pendingOf(run, 1)?.key).toEqual(end.result.certificate.key)
  })

  it('nobody has all confirmations: the stored signatures of all n rebuild the certificate, those of n - 1 do not', () => {
    const run = keygen({ rules: [{ when: { round: 3 }, act: drop }] })
    expect(new Set(Object.values(outcomes(run)))).toEqual(new Set(['TIMEOUT']))
    const { roster, curves } = run.world
    const pending = new Map([1, 2, 3].map((id) => [id, pendingOf(run, id) as PendingKey] as const))
    const key = (pending.get(1) as PendingKey).key
    for (const p of pending.values()) expect(p.key).toEqual(key)
    const signatures = new Map([...pending].map(([id, p]) => [id, p.signature] as const))
    const certificate = assembleCertificate(key, signatures, roster, curves)
    expect(certificate === null ? false : verifyCertificate(certificate, roster, curves)).toBe(true)
    for (const missing of [1, 2, 3]) {
      const few = new Map([...signatures].filter(([id]) => id !== missing))
      expect(assembleCertificate(key, few, roster, curves)).toBe(null)
    }
  })

  it('K-12 a certificate signature never leaves before the share is handed to the host', () => {
    // The commit rides on the exchange that carries the signature; before it, no signature of anybody exists anywhere.
    const order: string[] = []
    const watched = (env: Env, params: DkgParams): KeygenScript =>
      twin(
        dkg(env, {
          ...params,
          sign: (message) => {
            order.push('sign')
            return params.sign(message)
          },
        }),
        {
          send: (exchange, round) => {
            order.push(exchange.commit === undefined ? `round ${round}` : `round ${round} with commit`)
            return exchange
          },
        },
      )
    keygen({ rogues: new Map([[1, watched]]) })
    expect(order).toEqual(['round 1', 'round 2', 'sign', 'round 3 with commit'])
  })
})

describe('T-05 in round 3', () => {
  it('a good confirmation to one, a bad one to the other: the first has the key, the second has it as pending', () => {
    const flipSignature = equivocate(worldOf(3), ({ body }) => ({
      body: body.with(body.length - 1, (body.at(-1) as number) ^ 1),
    }))
    const run = keygen({ rules: [{ when: { round: 3, from: ROGUE, to: 2 }, act: flipSignature }] })
    expect([outcome(run, 1), outcome(run, 2)]).toEqual(['done', 'DKG_CERT:3'])
    assertSafe(run, [ROGUE])
    const end = run.ends.get(1)
    if (end?.type !== 'done') throw new Error('no certificate')
    const own = pendingOf(run, 2)
    expect(own !== undefined && equalBytes(own.key.keyId, end.result.certificate.key.keyId)).toBe(true)
  })
})

describe('DKG_SELF', () => {
  it("K-13 a fault of one's own machine between shares and X_i is noticed before anything is certified, and names nobody", () => {
    const broken = (env: Env, params: DkgParams) => {
      const { secp256k1 } = env.curves
      let sums = 0
      // The last addition of a scalar before X_i is compared goes wrong, as a flipped bit in memory would make it.
      const addAssign: typeof secp256k1.addAssign = (acc, b) => {
        sums += 1
        return secp256k1.addAssign(acc, sums === additions ? secp256k1.scalar(1) : b)
      }
      return dkg({ ...env, curves: { ...env.curves, secp256k1: { ...secp256k1, addAssign } } }, params)
    }
    const additions = additionsBeforeConfirmation()
    const run = keygen({ rogues: new Map([[1, broken]]) })
    expect(outcome(run, 1)).toBe('DKG_SELF')
    expect(run.commits.get(1)).toEqual([])
    assertSafe(run)
  })
})

/** How many scalar additions signer 1 makes until its share is complete. */
function additionsBeforeConfirmation(): number {
  let count = 0
  let atSignature = 0
  const counting = (env: Env, params: DkgParams) => {
    const { secp256k1 } = env.curves
    const addAssign: typeof secp256k1.addAssign = (acc, b) => {
      count += 1
      return secp256k1.addAssign(acc, b)
    }
    const sign: DkgParams['sign'] = (message) => {
      atSignature = count
      return params.sign(message)
    }
    return dkg({ ...env, curves: { ...env.curves, secp256k1: { ...secp256k1, addAssign } } }, { ...params, sign })
  }
  keygen({ rogues: new Map([[1, counting]]) })
  return atSignature
}

describe('the script asks for one message of each peer', () => {
  it("and would stop loudly if the channel gave it less: a bug, not a peer's fault", () => {
    expect(() => broadcastOf(new Map([[2, {}]]), 2)).toThrow('no broadcast of 2')
  })
})
