import { ANSWER, type Answer, type Command, type CommandMessage, encodeCommand } from '../../actors/crypto-commands.ts'
import type { CallTimes, WorkerPool } from '../../actors/worker-pool.ts'

/** The crypto worker as the main thread sees it: one command, one answer. */
export interface CryptoClient {
  readonly ask: (kind: Command, fields?: Partial<Omit<CommandMessage, 'kind' | 'now'>>) => Promise<Answer>
}

/** A signer has one crypto worker: PRSS generations, tickets and sessions are that worker's (decisions.md 19). */
export const CRYPTO_WORKER = 0

/** @param measured is told of each command that was answered. */
export const cryptoClient = (
  pool: WorkerPool,
  now: () => number,
  measured: (kind: Command, times: CallTimes) => void,
): CryptoClient => ({
  ask: async (kind, fields = {}) => {
    const command = encodeCommand(kind, now(), fields)
    return ANSWER.decode(await pool.call(CRYPTO_WORKER, command, (times) => measured(kind, times)))
  },
})
