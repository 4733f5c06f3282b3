import { toHex } from '../../../src/protocol/engine/bytes.ts'
import type { PartyId } from '../../../src/protocol/engine/party.ts'
import { broadcastOf, directOf, type Env, type Protocol, peersOf } from '../../../src/protocol/engine/round.ts'
import { type Plan, type Run, runSession } from '../../simulator/run-session.ts'
import { makeWorld, setupOf, type World } from '../../simulator/world.ts'

/** Everything a signer was told, in text, and its transcript. */
export interface Heard {
  readonly words: readonly string[]
  readonly transcript: string
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const said = (round: number, from: PartyId, to?: PartyId): string =>
  `round ${round} from ${from}${to === undefined ? '' : ` to ${to}`}`

/** A protocol without mathematics that uses all of the full channel: three rounds, private messages in the second. */
export function* chatter(env: Env): Protocol<Heard> {
  const peers = peersOf(env)
  const words: string[] = []
  for (let round = 1; round <= 3; round++) {
    const direct = round === 2 ? { direct: new Map(peers.map((to) => [to, encode(said(round, env.self, to))])) } : {}
    const inbox = yield { name: `chat/${round}`, broadcast: encode(said(round, env.self)), ...direct, from: peers }
    for (const from of peers) {
      words.push(decode(broadcastOf(inbox, from)))
      if (round === 2) words.push(decode(directOf(inbox, from)))
    }
  }
  return { words, transcript: toHex(env.transcript()) }
}

/** What an undisturbed signer hears. */
export const expectedWords = (self: PartyId, parties: readonly PartyId[]): readonly string[] => {
  const peers = parties.filter((id) => id !== self)
  return [1, 2, 3].flatMap((round) =>
    peers.flatMap((from) => (round === 2 ? [said(round, from), said(round, from, self)] : [said(round, from)])),
  )
}

export const chatWorld: World = makeWorld({ ids: 3, seed: 'chatter' })
const setup = setupOf(chatWorld, { protocol: 'prss', suite: 'none', threshold: 2 })

export const chat = (seed: string, plan: Partial<Plan<Heard, never>> = {}): Run<Heard, never> =>
  runSession({ world: chatWorld, setup, seed, scriptFor: chatter, ...plan })

/** Signers whose conversation came to its end with exactly the true words. Throws if one of them heard anything else. */
export function finished(run: Run<Heard, never>): readonly PartyId[] {
  const parties = [...run.ends.keys()].sort((a, b) => a - b)
  return parties.filter((id) => {
    const end = run.ends.get(id)
    if (end?.type !== 'done') return false
    if (end.result.words.join() !== expectedWords(id, parties).join())
      throw new Error(`signer ${id} was told lies, seed ${run.seed}`)
    return true
  })
}

/** `code` or `code:culprits` of each signer's end; `done` for success. */
export const endings = (run: Run<unknown, unknown>): Readonly<Record<PartyId, string>> =>
  Object.fromEntries(
    [...run.ends].map(([id, end]) => {
      if (end.type === 'done') return [id, 'done']
      const { code, culprits } = end.fault
      return [id, culprits.length === 0 ? code : `${code}:${culprits.join()}`]
    }),
  )
