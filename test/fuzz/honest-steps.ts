import type { Certificate } from '../../src/protocol/keygen/certificate.ts'
import type { Scheme, SignDocument } from '../../src/protocol/request/document.ts'
import { isEcdsa, SCHEMES } from '../../src/protocol/request/document.ts'
import { type Exchanged, itemOf, type KeyRow, SignerTrio, signDocument } from './signer-trio.ts'

/** Keys that all fuzzed signers hold, and the traffic that made them. */
export interface Keys {
  readonly certificates: ReadonlyMap<Scheme, Certificate>
  readonly rows: ReadonlyMap<number, readonly KeyRow[]>
}

async function makeKeys(): Promise<Keys> {
  const trio = new SignerTrio('keys')
  const links = trio.links()
  const certificates = new Map<Scheme, Certificate>()
  for (const scheme of SCHEMES) certificates.set(scheme, await trio.keygen(scheme, links))
  return { certificates, rows: new Map([...trio.rows].map(([id, rows]) => [id, [...rows.values()]])) }
}

let keys: Promise<Keys> | undefined

export const sharedKeys = (): Promise<Keys> => {
  keys ??= makeKeys()
  return keys
}

/** A trio that holds the shared keys and whose actors have done nothing yet. */
export async function trioWithKeys(): Promise<SignerTrio> {
  const trio = new SignerTrio()
  for (const [id, rows] of (await sharedKeys()).rows) for (const row of rows) trio.hold(id, row)
  return trio
}

/**
 * Everything a coordinator does with its signers, as exchanges in order: a key generation; a PRSS generation and an hm session of two items;
 * a FROST session. Each from a fresh start, so that a recorded part is a whole session of a fresh actor.
 */
export async function honestSessions(): Promise<ReadonlyMap<string, readonly Exchanged[]>> {
  const { certificates } = await sharedKeys()
  const item = (scheme: Scheme, requestId: string, changes: Partial<SignDocument> = {}) => {
    const certificate = certificates.get(scheme) as Certificate
    return itemOf(certificate, signDocument(scheme, certificate.key.keyId, { requestId, ...changes }))
  }
  const sessions = new Map<string, readonly Exchanged[]>()
  for (const scheme of SCHEMES) {
    const trio = await trioWithKeys()
    const links = trio.links()
    if (isEcdsa(scheme)) {
      const supplies = await trio.prss(links)
      await trio.sign([item(scheme, 'req_a'), item(scheme, 'req_b')], scheme, links, supplies)
    } else await trio.sign([item(scheme, 'req_a')], scheme, links.slice(0, 2))
    sessions.set(`sign-${scheme}`, trio.traffic)
  }
  // A coordinator that has the same request id signed for two documents: the trio has no ledgers.
  const twice = await trioWithKeys()
  const links = twice.links().slice(0, 2)
  await twice.sign([item('eddsa-ed25519', 'req_a')], 'eddsa-ed25519', links)
  await twice.sign([item('eddsa-ed25519', 'req_a', { reference: 'another' })], 'eddsa-ed25519', links)
  sessions.set('two-documents', twice.traffic)
  const trio = new SignerTrio()
  await trio.keygen('eddsa-ed25519', trio.links())
  sessions.set('keygen', trio.traffic)
  const others = await trioWithKeys()
  await others.prss(others.links())
  sessions.set('prss', others.traffic)
  return sessions
}
