import type { Codec } from '../../src/protocol/engine/codec.ts'
import { CERTIFICATE, type Certificate } from '../../src/protocol/keygen/certificate.ts'
import { PUBLIC_PACKAGE } from '../../src/protocol/keygen/key-record.ts'
import { pack, sampleOf } from '../mutants/mutate.ts'
import { broadcastIn, honestExchanges } from './bodies.ts'
import { dkgPlan } from './dkg-world.ts'
import { honestSessions, sharedKeys } from './honest-steps.ts'

/** What the set really says in its sessions, and a frame of every codec, made from its form. */
export async function frameSeeds(
  codecs: readonly (readonly [name: string, codec: Codec<unknown>])[],
): Promise<ReadonlyMap<string, Uint8Array>> {
  const seeds = new Map<string, Uint8Array>()
  for (const [name, { form }] of codecs) seeds.set(`sample-${name.replaceAll(/[^A-Za-z0-9]+/g, '-')}`, pack(sampleOf(form)))
  for (const [name, exchanges] of await honestSessions()) {
    exchanges
      .filter(({ to }) => to === 1)
      .forEach(({ route, frame, reply }, i) => {
        seeds.set(`${name}-${i}-${route}`, frame)
        seeds.set(`${name}-${i}-reply`, reply)
      })
  }
  // More than lengths has to fit in these: no sample is one.
  for (const [scheme, certificate] of (await sharedKeys()).certificates as ReadonlyMap<string, Certificate>) {
    seeds.set(`${scheme}-certificate`, CERTIFICATE.encode(certificate))
    seeds.set(`${scheme}-public-package`, PUBLIC_PACKAGE.encode(certificate.key))
  }
  const said = honestExchanges(dkgPlan('ecdsa-secp256k1')).map(broadcastIn)
  for (const [i, bytes] of said.entries()) seeds.set(`dkg-${i + 1}`, bytes)
  return seeds
}
