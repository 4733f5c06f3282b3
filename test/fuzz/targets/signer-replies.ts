import type { SignerLink } from '../../../src/actors/round.ts'
import type { SigningEnd } from '../../../src/actors/signing-session.ts'
import { verifySignature } from '../../../src/host/api/verify-signature.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { REPLY, type Reply, type Route } from '../../../src/protocol/frames/signer-frames.ts'
import { CERTIFICATE, type Certificate, verifyCertificate } from '../../../src/protocol/keygen/certificate.ts'
import type { Scheme } from '../../../src/protocol/request/document.ts'
import { pack, unpack } from '../container.ts'
import { honestSessions, sharedKeys, trioWithKeys } from '../honest-steps.ts'
import { itemOf, type SignerTrio, signDocument, TRIO } from '../signer-trio.ts'
import { type FuzzTarget, promise } from '../target.ts'
import { ATTACKER } from '../victims.ts'

/** Which session, by the mode. */
const SESSIONS = ['sign-eddsa-ed25519', 'sign-ecdsa-secp256k1', 'keygen', 'prss'] as const

const fair = (culprits: readonly PartyId[], code: string): void =>
  promise(
    culprits.every((id) => id === ATTACKER),
    `${code} names ${culprits.join()}`,
  )

/** Honest links for all but the attacker, which answers with the parts one by one; an empty part is what it would say if it were honest. */
function linksOf(trio: SignerTrio, ids: readonly PartyId[], replies: readonly Uint8Array[]): readonly SignerLink[] {
  const honest = trio.links(ids)
  let calls = 0
  return honest.map((link) => ({
    id: link.id,
    send: async (route: Route, frame: Uint8Array, timeoutMs: number) => {
      const bytes = await link.send(route, frame, timeoutMs)
      if (link.id !== ATTACKER) {
        const { code, culprits } = REPLY.decode(bytes)
        fair(culprits, code)
        return bytes
      }
      const made = route === 'abort' ? undefined : replies[calls++]
      return made === undefined || made.length === 0 ? bytes : made
    },
  }))
}

function signed(end: SigningEnd, certificate: Certificate, items: readonly { readonly input: Uint8Array }[]): string {
  if (end.type === 'failed') {
    fair(end.culprits, end.code)
    promise(end.code !== '', 'a failure without a code')
    promise(
      end.missing.every((id) => id === ATTACKER),
      `${end.missing.join()} did answer`,
    )
    return [end.code, ...end.culprits].join(' ')
  }
  return end.items
    .map((item, i) => {
      if (item.type === 'refused') return 'refused'
      if (item.type === 'failed') {
        fair(item.culprits, item.code)
        return [item.code, ...item.culprits].join(' ')
      }
      const { scheme, publicKey } = certificate.key
      const input = items[i]?.input as Uint8Array
      const verification = { scheme, publicKey, input, signature: item.signature, yParity: item.recovery & 1 }
      promise(verifySignature(TRIO.curves, verification), 'a signature that does not verify was released')
      return 'signed'
    })
    .join()
}

function certified(reply: Reply | undefined): boolean {
  const certificate = CERTIFICATE.decode(reply?.result ?? new Uint8Array(0))
  return verifyCertificate(certificate, TRIO.roster, TRIO.curves)
}

/** The coordinator's session actors with a malicious signer: whatever it answers, sessions end, and nobody else is blamed for it. */
export async function open(): Promise<FuzzTarget> {
  const { certificates } = await sharedKeys()
  return {
    maxLength: 1 << 16,
    seeds: async () => {
      const sessions = await honestSessions()
      const none = new Uint8Array(0)
      const seeds = new Map<string, Uint8Array>()
      const refused: Reply = { type: 3, code: 'HM_KID', culprits: [1], envelopes: [], tickets: [], exhibits: [], result: none }
      for (const [mode, name] of SESSIONS.entries()) {
        const said = (sessions.get(name) ?? []).filter(({ to }) => to === ATTACKER).map(({ reply }) => reply)
        seeds.set(`${name}-honest`, pack(mode, none))
        seeds.set(`${name}-nonsense`, pack(mode, Uint8Array.of(1)))
        for (const [i, reply] of said.entries())
          seeds.set(`${name}-reply-${i}`, pack(mode, ...said.slice(0, i).map(() => none), reply))
        seeds.set(`${name}-slander`, pack(mode, REPLY.encode({ ...refused, type: 2 })))
        seeds.set(`${name}-no-reason`, pack(mode, REPLY.encode({ ...refused, code: '' })))
        seeds.set(`${name}-refusal`, pack(mode, none, REPLY.encode(refused)))
      }
      return seeds
    },
    reaches: ['frost: signed', 'hm: signed,signed', 'keygen: done', 'prss: done', 'frost: TIMEOUT', 'hm: HM_KID'],
    run: async (input) => {
      const container = unpack(input)
      const name = SESSIONS[container.mode % SESSIONS.length]
      const trio = await trioWithKeys()
      const linked = (ids: readonly PartyId[]) => linksOf(trio, ids, container.parts)
      const items = (scheme: Scheme, ...ids: readonly string[]) => {
        const certificate = certificates.get(scheme) as Certificate
        return ids.map((requestId) => itemOf(certificate, signDocument(scheme, certificate.key.keyId, { requestId })))
      }
      if (name === 'sign-eddsa-ed25519') {
        const wanted = items('eddsa-ed25519', 'req_a')
        const end = await trio.sign(wanted, 'eddsa-ed25519', linked([1, ATTACKER]))
        return `frost: ${signed(end, certificates.get('eddsa-ed25519') as Certificate, wanted)}`
      }
      if (name === 'sign-ecdsa-secp256k1') {
        const supplies = await trio.prss(trio.links())
        const wanted = items('ecdsa-secp256k1', 'req_a', 'req_b')
        const end = await trio.sign(wanted, 'ecdsa-secp256k1', linked([1, 2, ATTACKER]), supplies)
        return `hm: ${signed(end, certificates.get('ecdsa-secp256k1') as Certificate, wanted)}`
      }
      const end =
        name === 'keygen' ? await trio.relayKeygen(linked([1, 2, ATTACKER])) : await trio.relayPrss(linked([1, 2, ATTACKER]))
      const short = name === 'keygen' ? 'keygen' : 'prss'
      if (end.type === 'done') {
        if (name === 'keygen') promise(certified(end.replies.get(1)), 'a key generation is done without a certificate')
        return `${short}: done`
      }
      promise(
        end.missing.every((id) => id === ATTACKER),
        `${end.missing.join()} did answer`,
      )
      const codes = [...end.failures.values()].map((reply) => reply.code)
      promise(
        codes.every((code) => code !== ''),
        'a failure without a code',
      )
      return `${short}: ${codes[0] ?? 'missing'}`
    },
  }
}
