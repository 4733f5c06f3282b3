import { pino } from 'pino'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { concat } from '../../../src/protocol/engine/bytes.ts'
import { groupOf } from '../../../src/protocol/keygen/scheme.ts'
import { lagrangeCoefficients } from '../../../src/protocol/sharing/polynomial.ts'
import { findSecrets } from '../../simulator/secret-scan.ts'
import { inProcessSet, type TestSet } from './in-process-set.ts'
import { expectWorks, makeKey, makeKeys, SCHEMES, sign, someMessage } from './signing-keys.ts'
import { until } from './until.ts'

let set: TestSet
const lines: string[] = []
beforeAll(async () => {
  set = await inProcessSet({ log: pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) }) })
})
afterAll(() => set.close())

it('T-13, U-03 nothing the coordinator sees or any host logs holds a secret of a signer, in any encoding', async () => {
  const traffic: Uint8Array[] = []
  let bad = false
  set.hooks.tamper = async (to, _route, frame, deliver) => {
    traffic.push(Uint8Array.from(frame))
    const answer = await deliver(frame)
    traffic.push(Uint8Array.from(answer))
    // Failures have answers of their own.
    if (bad && to === 2 && traffic.length % 37 === 0) throw new Error('lost')
    return answer
  }
  const keys = await makeKeys(set)
  bad = true
  for (let round = 0; round < 3; round++) {
    for (const scheme of SCHEMES) {
      await Promise.all(Array.from({ length: 4 }, () => sign(set, keys[scheme], someMessage()).catch(() => undefined)))
    }
    await makeKey(set, 'eddsa-ed25519').catch(() => undefined)
    set.restart(3)
    await until('all up', () => set.monitor.up().length === 3)
  }
  set.hooks.tamper = (_to, _route, frame, deliver) => deliver(frame)
  for (const scheme of SCHEMES) await expectWorks(set, keys[scheme])

  const secrets = new Map<string, Uint8Array>()
  for (const scheme of SCHEMES) {
    const group = groupOf(scheme, set.curves)
    const held = [1, 2, 3].map((id) => set.secretOf(id, keys[scheme].keyId))
    held.forEach(({ share, chain }, i) => {
      secrets.set(`${scheme} share of ${i + 1}`, share)
      secrets.set(`${scheme} chain code of ${i + 1}`, chain)
    })
    const lambda = lagrangeCoefficients(group, [1, 2])
    const key = new Uint8Array(32)
    for (const id of [1, 2]) {
      const term = Uint8Array.from(held[id - 1]?.share as Uint8Array)
      group.addAssign(key, group.mulAssign(term, lambda.get(id) as Uint8Array))
    }
    expect(group.baseMul(key).slice(-32)).toEqual(keys[scheme].publicKey.slice(-32))
    secrets.set(`${scheme} private key`, key)
  }
  for (const { id, signSeed, exchangeSecret } of set.identities) {
    secrets.set(`signing seed of ${id}`, signSeed)
    secrets.set(`exchange secret of ${id}`, exchangeSecret)
  }
  expect(secrets.size).toBe(7 * SCHEMES.length + 6)

  const seen = concat(...traffic)
  const log = new TextEncoder().encode(lines.join('\n'))
  expect(traffic.length).toBeGreaterThan(200)
  expect(lines.length).toBeGreaterThan(50)
  expect(findSecrets(seen, secrets)).toEqual([])
  expect(findSecrets(log, secrets)).toEqual([])
  // The scan would have found them: the same traffic with one share in it, in hex.
  const [name, share] = [...secrets][0] as [string, Uint8Array]
  const leak = concat(seen, new TextEncoder().encode(Buffer.from(share).toString('hex')))
  expect(findSecrets(leak, new Map([[name, share]]))).toEqual([`${name} as hex`])
})
