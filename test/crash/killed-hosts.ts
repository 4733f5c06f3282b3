import { randomBytes, randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { DevSet } from '../e2e/dev-set.ts'
import { expectValid, payloadOf, type SCHEMES } from '../e2e/verify.ts'
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
  expect(signed.status).toBe(200)
  expectValid(made.body, message, signed.body.signature)
  if (heard?.status === 200) expect(signed.body.signature).toEqual(heard.body.signature)
  expect((await settled(set, '/api/v1/sign', sign)).body.signature).toEqual(signed.body.signature)
  const other = await settled(set, '/api/v1/sign', { ...sign, payload: payloadOf(scheme, randomBytes(24)) })
  expect([other.status, other.body.code]).toEqual([409, 'request_replayed'])
}

/** How often that host writes in a start and such runs: FROST takes turns, so two of them. */
export async function writesOf({ set, replace }: Replacements, name: string, scheme: Scheme): Promise<number> {
  const file = join(set.line.data, `writes-${randomUUID()}`)
  writeFileSync(file, '')
  await replace(name, { CRASH_COUNT_FILE: file })
  await whole(set)
  await userRun(set, scheme)
  await userRun(set, scheme)
  return readFileSync(file).length
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
  const supervisor = dying.ended.then((end) => {
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
  if (how !== undefined) expect(how).toBe('SIGKILL')
  return how !== undefined
}
