import { equalBytes, toHex } from '../../src/protocol/engine/bytes.ts'
import { PUBLIC_PACKAGE } from '../../src/protocol/keygen/key-record.ts'
import { groupOf } from '../../src/protocol/keygen/scheme.ts'
import { formatKeyId } from '../../src/protocol/request/ids.ts'
import type { CoordinatorHost } from './coordinator-host.ts'
import type { SetFacts } from './set-facts.ts'
import type { SignerHost } from './signer-host.ts'

/** What must hold of a set that has healed and rested: keys whole everywhere, one per request, and nothing left open. */
export function judgeRest(o: {
  readonly facts: SetFacts
  readonly signers: readonly SignerHost[]
  readonly coordinator: CoordinatorHost
  /** Ids that users were told are active keys. */
  readonly keys: readonly string[]
  readonly violated: (what: string) => void
}): void {
  const { signers, violated } = o
  for (const signer of signers) {
    const { load } = signer
    if (load === undefined) violated(`signer ${signer.id} is down`)
    else if (load.open > 0 || load.reserved > 0)
      violated(`signer ${signer.id} still holds ${load.open} sessions and ${load.reserved} reservations`)
  }
  const { running } = o.coordinator
  if (running === undefined) return violated('the coordinator is down')
  const { waiting, inFlight } = running.scheduler.load()
  if (waiting + inFlight + running.signing.inFlight > 0)
    violated(`the coordinator still has ${waiting} waiting, ${inFlight} batches, ${running.signing.inFlight} requests`)
  if (running.store.undelivered(1).length > 0) violated('a certificate is still not delivered')

  const rows = signers.flatMap(({ store }) => (store?.activeKeyIds(256) ?? []).flatMap((id) => store?.getKey(id) ?? []))
  const active = new Map(rows.map((row) => [toHex(row.keyId), row]))
  const byRequest = new Map<string, string>()
  for (const row of active.values()) {
    const request = `${row.credentialId} ${row.requestId}`
    const other = byRequest.get(request)
    if (other !== undefined) violated(`${request} has two keys: ${other} and ${toHex(row.keyId)}`)
    byRequest.set(request, toHex(row.keyId))
    judgeKey(o, row.keyId)
  }
  for (const id of o.keys) if (!active.has(id.slice(4))) violated(`${id} was answered and is at no signer`)
}

function judgeKey({ facts, signers, coordinator, violated }: Parameters<typeof judgeRest>[0], keyId: Uint8Array): void {
  const name = formatKeyId(keyId)
  if (coordinator.running?.store.getKey(keyId)?.state !== 'active') violated(`${name} is active, and not in the directory`)
  const [first] = signers.flatMap((s) => s.store?.getKey(keyId) ?? [])
  for (const signer of signers) {
    const row = signer.store?.getKey(keyId)
    const secret = signer.secretOf(keyId)
    if (row?.state !== 'active' || secret === undefined) {
      violated(`${name} is active, and ${row?.state ?? 'unknown'} at signer ${signer.id}`)
      continue
    }
    if (first === undefined || !equalBytes(row.publicPackage, first.publicPackage)) violated(`${name} has two public packages`)
    const key = PUBLIC_PACKAGE.decode(row.publicPackage)
    const expected = key.verificationShares[key.parties.indexOf(signer.id)]
    if (expected === undefined || !equalBytes(groupOf(key.scheme, facts.curves).baseMul(secret.share), expected))
      violated(`signer ${signer.id} holds another share of ${name} than is certified`)
  }
}
