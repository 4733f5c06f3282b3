import { randomBytes, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { DevSet } from '../e2e/dev-set.ts'
import { expectValid, payloadOf, type SCHEMES } from '../e2e/verify.ts'
import { quorate } from '../host/process.ts'
import { type Replacements, settled, whole } from './dying-hosts.ts'

type Scheme = (typeof SCHEMES)[number]

/** What a user does: a key, then a signature under it; the same bytes again when no answer came. */
export async function userRun(
  set: DevSet,
  scheme: Scheme,
  meanwhile: () => Promise<unknown> = async () => undefined,
): Promise<void> {
  const key = { scheme, request_id: `req_${randomUUID()}` }
  const first = await set.call('POST', '/api/v1/keys', key).catch(() => undefined)
  if (first?.status !== 201) await meanwhile()
  let made = await settled(set, '/api/v1/keys', key)
  expect((await settled(set, '/api/v1/keys', key)).body).toEqual(made.body)
  if (made.status === 201) {
    if (first?.status === 201) expect(made.body.public_key).toEqual(first.body.public_key)
  } else {
    // A signer died before its share was on its disk: that key is none, for ever, and another request makes one.
    expect(made.body.code).toBe('protocol_abort')
    made = await settled(set, '/api/v1/keys', { scheme })
    expect(made.status).toBe(201)
  }
  const message = randomBytes(24)
  const sign = { key_id: made.body.id, request_id: `req_${randomUUID()}`, payload: payloadOf(scheme, message) }
  const heard = await set.call('POST', '/api/v1/sign', sign).catch(() => undefined)
  if (heard?.status !== 200) await meanwhile()
  const signed = await settled(set, '/api/v1/sign', sign)
  expect(signed.status, JSON.stringify(signed.body)).toBe(200)
  expectValid(made.body, message, signed.body.signature)
  if (heard?.status === 200) expect(signed.body.signature).toEqual(heard.body.signature)
  expect((await settled(set, '/api/v1/sign', sign)).body.signature).toEqual(signed.body.signature)
  const other = await settled(set, '/api/v1/sign', { ...sign, payload: payloadOf(scheme, randomBytes(24)) })
  expect([other.status, other.body.code]).toEqual([409, 'request_replayed'])
}

/**
 * A host that dies three times a day while it checks a peer's DKLs23 messages bans that peer, until its operator says otherwise. These hosts do
 * nothing else, so their operator does; a ban for anything else would be one of an honest signer.
 */
async function liftBans(set: DevSet): Promise<void> {
  interface Pair {
    readonly signers: readonly string[]
    readonly banned_by: readonly string[]
  }
  const { list }: { readonly list: readonly Pair[] } = (await set.call('GET', '/api/v1/set')).body.pairs
  for (const { signers, banned_by } of list) {
    for (const by of banned_by) {
      const peer = signers.find((name) => name !== by) as string
      const { out, err } = await quorate(['pairs', 'lift', '--data', join(set.line.data, by), peer])
      expect(out, err).toMatch(/\(BURNT /)
    }
  }
}

/**
 * One host is started so that it kills itself at its k-th write, in its start or in what users do then; it is started again at once.
 * @returns whether it came to that write
 */
export async function killAt(
  { set, replace, again }: Replacements,
  name: string,
  scheme: Scheme,
  k: number,
  moment: 'before' | 'after',
): Promise<boolean> {
  const dying = await replace(name, { CRASH_AT: String(k), CRASH_MOMENT: moment })
  let how: number | string | undefined
  let isOver = false
  const supervisor = dying.ended.then((end) => {
    // Whoever replaces it afterwards waits for its end, and starts the next one.
    if (isOver) return
    how = end
    again(name)
  })
  try {
    await Promise.race([whole(set), supervisor])
    await whole(set)
    for (let i = 0; i < 2; i++) await userRun(set, scheme, () => whole(set))
  } catch (error) {
    throw new Error(`${name} killed ${moment} write ${k}: ${(error as Error).message}\n${dying.output()}`, { cause: error })
  }
  isOver = true
  if (how !== undefined) expect(how, dying.output()).toBe('SIGKILL')
  else {
    // Left as it is, it would come to that write while another host is looked at.
    await replace(name)
    await whole(set)
  }
  await liftBans(set)
  return how !== undefined
}
