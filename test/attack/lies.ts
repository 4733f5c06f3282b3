import { MULTIPLY } from '../../src/protocol/dkls23/messages.ts'
import { RVOLE_ONE, RVOLE_TWO } from '../../src/protocol/dkls23/rvole.ts'
import type { PartyId } from '../../src/protocol/engine/party.ts'
import type { SigningCommit } from '../../src/protocol/signing/batch.ts'
import type { Twin } from '../simulator/twin.ts'

/** What a malicious signer says to one peer in one round; everything is validly encrypted and signed. */
export interface Lie {
  readonly round: 1 | 2
  /** What the peer's host finds, for its operator's eyes. */
  readonly code: string
  readonly change: (body: Uint8Array) => Uint8Array
}

const flipped = (bytes: Uint8Array, at = 0): Uint8Array => Uint8Array.from(bytes, (b, i) => (i === at ? b ^ 1 : b))
const extension = (change: (m: ReturnType<typeof RVOLE_ONE.decode>) => object) => (body: Uint8Array) => {
  const fields = RVOLE_ONE.decode(body)
  return RVOLE_ONE.encode({ ...fields, ...change(fields) })
}
const multiply = (change: (m: ReturnType<typeof MULTIPLY.decode>) => object) => (body: Uint8Array) => {
  const fields = MULTIPLY.decode(body)
  return MULTIPLY.encode({ ...fields, ...change(fields) })
}
const product = (change: (m: ReturnType<typeof RVOLE_TWO.decode>) => object) =>
  multiply((fields) => {
    const inner = RVOLE_TWO.decode(fields.product)
    return { product: RVOLE_TWO.encode({ ...inner, ...change(inner) }) }
  })

/** A check on secrets that outlive the session fails: the peer is banned (protocols.md 7.2). */
export const BANNED = {
  // Every row of the matrix: passing all 128 checks would need Delta = 0.
  U: { round: 1, code: 'OTE_CHECK', change: extension(({ u }) => ({ u: u.map((byte) => byte ^ 0xff) })) },
  X: { round: 1, code: 'OTE_CHECK', change: extension(({ x }) => ({ x: flipped(x) })) },
  t: { round: 1, code: 'OTE_CHECK', change: extension(({ t }) => ({ t: flipped(t, 999) })) },
  at: { round: 2, code: 'RVOLE_CHECK', change: product(({ at }) => ({ at: flipped(at, 31) })) },
  eta: { round: 2, code: 'RVOLE_CHECK', change: product(({ eta }) => ({ eta: flipped(eta, 31) })) },
  mu: { round: 2, code: 'RVOLE_CHECK', change: product(({ mu }) => ({ mu: flipped(mu) })) },
  Gamma_u: { round: 2, code: 'EC_CHECK_U', change: multiply(({ gammaV }) => ({ gammaU: gammaV })) },
  Gamma_v: { round: 2, code: 'EC_CHECK_V', change: multiply(({ gammaU }) => ({ gammaV: gammaU })) },
} as const satisfies Readonly<Record<string, Lie>>

/** Convicted of something else: a strike. */
export const STRUCK = {
  'U too short': { round: 1, code: 'SIGN_MALFORMED', change: (body) => body.slice(0, -1) },
  'no product': { round: 2, code: 'SIGN_MALFORMED', change: multiply(() => ({ product: new Uint8Array(0) })) },
  'another opening': { round: 2, code: 'SIGN_COMMIT', change: multiply(({ salt }) => ({ salt: flipped(salt) })) },
} as const satisfies Readonly<Record<string, Lie>>

/** Says it to these peers, and everything else as an honest signer would. */
export const telling = ({ round, change }: Lie, to: readonly PartyId[]): Twin<SigningCommit> => ({
  send: (exchange, number) => {
    if (number !== round) return exchange
    const direct = [...(exchange.direct ?? [])].map(([peer, body]) => [peer, to.includes(peer) ? change(body) : body] as const)
    return { ...exchange, direct: new Map(direct) }
  },
})
