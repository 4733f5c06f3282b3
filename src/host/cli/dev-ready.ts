import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { ApiClient } from './api-client.ts'

/** The part of `GET /api/v1/set` that start-up looks at. */
const SET_STATE = z.object({
  threshold: z.int(),
  parties: z.int(),
  signers: z.array(z.object({ name: z.string(), state: z.string(), curve: z.string().nullable() })),
})
export type SetState = z.output<typeof SET_STATE>

const EVERY_MS = 100

/**
 * Waits until the gateway says that signing is possible and every signer is connected.
 * @param onProgress is told whenever another number of signers is connected.
 */
export async function whenReady(
  api: ApiClient,
  signal: AbortSignal,
  onProgress: (connected: number, of: number) => void,
): Promise<SetState> {
  let shown = -1
  for (;;) {
    signal.throwIfAborted()
    const state = await setState(api)
    if (state !== undefined) {
      const connected = connectedSigners(state)
      if (connected !== shown) onProgress(connected, state.signers.length)
      shown = connected
      if (connected === state.signers.length && (await isReady(api))) return state
    }
    await sleep(EVERY_MS, undefined, { signal })
  }
}

export const connectedSigners = (state: SetState): number => state.signers.filter((signer) => signer.state === 'up').length

/** undefined while gateway or coordinator do not answer yet. */
async function setState(api: ApiClient): Promise<SetState | undefined> {
  try {
    const { status, body } = await api.get('/api/v1/set')
    return status === 200 ? SET_STATE.parse(body) : undefined
  } catch (error) {
    if (error instanceof z.ZodError) throw error
    return undefined
  }
}

const isReady = async (api: ApiClient): Promise<boolean> => (await api.get('/ready')).status === 200
