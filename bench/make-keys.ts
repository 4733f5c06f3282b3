import { closedLoop, type Run } from './load.ts'
import type { RunningSet } from './running-set.ts'
import { type Form, type Key, keygenShot, type Scheme } from './signing-requests.ts'

/** Key generations under way at a time. */
const CALLERS = 4

/** Makes keys through one form of the API: they belong to whoever asked, so each form has its own. @throws Error when one fails */
export async function makeKeys(
  set: RunningSet,
  form: Form,
  scheme: Scheme,
  count: number,
): Promise<{ readonly keys: readonly Key[]; readonly run: Run }> {
  const target = { pool: set.connect(form, CALLERS), headers: set.headers[form] }
  try {
    const shots = Array.from({ length: count }, () => keygenShot(set, form, scheme))
    const run = await closedLoop(target, shots[Symbol.iterator](), CALLERS, Number.POSITIVE_INFINITY)
    const keys = run.answers.map(({ status, body }): Key => {
      if (status !== 201) throw new Error(`a key generation ended with ${status}: ${body.toString()}`)
      const { id, public_key: publicKey } = JSON.parse(body.toString()) as { readonly id: string; readonly public_key: string }
      return { id, scheme, publicKey: Buffer.from(publicKey.slice(2), 'hex') }
    })
    return { keys, run }
  } finally {
    await target.pool.destroy()
  }
}
