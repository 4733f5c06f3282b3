import { randomBytes, randomUUID } from 'node:crypto'
import { readdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Replacements, replacements, settled, whole } from '../crash/dying-hosts.ts'
import { userRun } from '../crash/killed-hosts.ts'
import { type Answer, startDevSet, until } from '../e2e/dev-set.ts'
import { expectValid, payloadOf } from '../e2e/verify.ts'

let hosts: Replacements
// biome-ignore lint/suspicious/noExplicitAny: JSON as it comes.
let key: any
const SCHEME = 'eddsa-ed25519'
const NAMES = ['signer-2', 'coordinator', 'gateway']
beforeAll(async () => {
  hosts = replacements(await startDevSet())
  await whole(hosts.set)
  key = (await settled(hosts.set, '/api/v1/keys', { scheme: SCHEME })).body
})
afterAll(() => hosts.stop())

interface Asked {
  readonly message: Uint8Array
  readonly body: object
  readonly answer: Answer | undefined
}
/** Signs until `stop`; a call that nobody answers is one as well. */
async function askUntil(stop: (asked: Asked) => boolean): Promise<readonly Asked[]> {
  const all: Asked[] = []
  for (let i = 0; i < 5000; i++) {
    const message = randomBytes(1500)
    const body = { key_id: key.id, request_id: `req_${randomUUID()}`, payload: payloadOf(SCHEME, message) }
    const answer = await hosts.set.call('POST', '/api/v1/sign', body).catch(() => undefined)
    all.push({ message, body, answer })
    if (stop({ message, body, answer })) return all
  }
  throw new Error('no end after 5000 calls')
}
const expectOneOutcome = async ({ message, body, answer }: Asked): Promise<void> => {
  const end = await settled(hosts.set, '/api/v1/sign', body)
  expect(end.status).toBe(200)
  expectValid(key, message, end.body.signature)
  if (answer?.status === 200) expect(end.body.signature).toEqual(answer.body.signature)
}

describe.each(NAMES)('S-01 a real %s', (name) => {
  it('whose disk fails ends, and after its start every request has the outcome that its user was told, or one', async () => {
    const directory = join(hosts.set.line.data, name)
    const files = readdirSync(directory).filter((entry) => /\.sqlite(-wal)?$/.test(entry))
    const size = files.reduce((sum, file) => sum + statSync(join(directory, file)).size, 0)
    // A limit on the size of its files stands for the disk: SQLite meets a real write error. Shells count blocks of 512 or 1024 bytes.
    const blocks = Math.ceil(size / 512) + 300
    const host = await hosts.replace(name, {}, ['sh', '-c', `ulimit -f ${blocks}; exec "$@"`, 'sh'])
    await whole(hosts.set)
    let ended: number | string | undefined
    void host.ended.then((end) => {
      ended = end
    })
    const asked = await askUntil(() => ended !== undefined)
    expect([ended, asked.length > 5], host.output()).toEqual([1, true])
    expect(host.output()).toContain('the store is unusable until this host is started again')
    hosts.again(name)
    await whole(hosts.set)
    for (const one of asked.slice(-30)) await expectOneOutcome(one)
    await userRun(hosts.set, SCHEME)
  })

  it('whose disk is full stays up, signs nothing that it cannot store, and goes on when there is room', async () => {
    const pages = join(hosts.set.line.data, `pages-${name}`)
    writeFileSync(pages, '1000000')
    const host = await hosts.replace(name, { DISK_PAGES_FILE: pages })
    await whole(hosts.set)
    // SQLite never takes less than what the file has.
    writeFileSync(pages, '1')
    const isFull = ({ answer }: Asked): boolean => answer?.status !== 200
    let without = 0
    const isWithout = ({ answer }: Asked): boolean => {
      without = answer?.body.signers.includes(2) === true ? 0 : without + 1
      return without === 20
    }
    const asked = await askUntil(name === 'signer-2' ? isWithout : isFull)
    const last = asked.at(-1) as Asked
    // The others sign without a signer; without the other two nobody does, and they say so.
    if (name === 'signer-2') expect(asked.map(({ answer }) => answer?.status)).toEqual(asked.map(() => 200))
    else {
      const outcome = name === 'gateway' ? 'none' : 'unknown'
      expect(last.answer?.body).toMatchObject({ status: 503, code: 'overloaded', retryable: true, outcome })
    }
    writeFileSync(pages, '1000000')
    await whole(hosts.set)
    for (const one of asked.slice(-5)) await expectOneOutcome(one)
    await userRun(hosts.set, SCHEME)
    expect(host.child.exitCode).toBeNull()
    await hosts.replace(name)
    await whole(hosts.set)
  })
})

it('a real signer whose master key is away does not start; the others sign, and with the key it is one of them again', async () => {
  const path = join(hosts.set.line.data, 'signer-2', 'kms.key')
  const ecdsa = (await settled(hosts.set, '/api/v1/keys', { scheme: 'ecdsa-secp256k1' })).body
  const sign = async (): Promise<Answer> => {
    const message = randomBytes(20)
    const body = { key_id: ecdsa.id, request_id: `req_${randomUUID()}`, payload: payloadOf('ecdsa-secp256k1', message) }
    const answer = await settled(hosts.set, '/api/v1/sign', body)
    if (answer.status === 200) expectValid(ecdsa, message, answer.body.signature)
    return answer
  }
  renameSync(path, `${path}.away`)
  const host = await hosts.replace('signer-2')
  expect(await host.ended).toBe(1)
  expect(host.output()).toContain('MASTER_KEY_MISSING')
  for (let i = 0; i < 3; i++) expect((await sign()).body).toMatchObject({ engine: 'dkls23', signers: [1, 3] })
  renameSync(`${path}.away`, path)
  hosts.again('signer-2')
  await whole(hosts.set)
  await until('signed by all three', 30_000, async () => ((await sign()).body.engine === 'hm' ? true : undefined))
})
