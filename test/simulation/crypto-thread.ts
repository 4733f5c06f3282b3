import type { CryptoActor } from '../../src/actors/crypto-actor.ts'
import { ANSWER, encodeCommand } from '../../src/actors/crypto-commands.ts'
import type { CryptoClient } from '../../src/host/signer/crypto-client.ts'
import type { Chance } from './chance.ts'
import type { EventLoop, Life } from './event-loop.ts'

/** Milliseconds of one command, and of the way back of its answer. */
const WORK = [0.05, 2] as const
const BACK = [0.01, 0.2] as const

/** The crypto thread: commands one after the other, each taking time; when it is lost, whoever waits hears so, done or not. */
export class CryptoThread {
  readonly #loop: EventLoop
  readonly #chance: Chance
  readonly #life: Life
  readonly #make: () => CryptoActor
  readonly #waiting = new Set<() => void>()
  #busyUntil = 0
  actor: CryptoActor

  constructor(loop: EventLoop, chance: Chance, life: Life, make: () => CryptoActor) {
    this.#loop = loop
    this.#chance = chance
    this.#life = life
    this.#make = make
    this.actor = make()
  }

  client(now: () => number): CryptoClient {
    return {
      ask: async (kind, fields = {}) => {
        return ANSWER.decode(await this.#call(encodeCommand(kind, now(), fields)))
      },
    }
  }

  lose(): void {
    this.actor.close()
    this.actor = this.#make()
    this.#busyUntil = this.#loop.now
    for (const lost of this.#waiting) lost()
    this.#waiting.clear()
  }

  close(): void {
    this.actor.close()
    this.#waiting.clear()
  }

  #call(command: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const { timers } = this.#life
      this.#busyUntil = Math.max(this.#busyUntil, this.#loop.now) + this.#chance.between(...WORK)
      const lost = (): void => reject(new Error('WORKER_LOST'))
      this.#waiting.add(lost)
      timers.after(this.#busyUntil - this.#loop.now, () => {
        if (!this.#waiting.has(lost)) return
        const answer = this.actor.call(command)
        this.#busyUntil += BACK[1]
        timers.after(this.#chance.between(...BACK), () => {
          if (this.#waiting.delete(lost)) resolve(answer)
        })
      })
    })
  }
}
