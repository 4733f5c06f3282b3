import { existsSync } from 'node:fs'
import { memberOf } from '../../protocol/channel/roster.ts'
import type { PartyId } from '../../protocol/engine/party.ts'
import type { SignerConfig } from '../config/config.ts'
import { loadConfig } from '../config/load-config.ts'
import { placeOrder } from '../signer/order-box.ts'
import { carryOut, type OrderResult, type PairOffice, type PairOrder } from '../signer/pair-orders.ts'
import { openSignerStore, type SignerStore } from '../store/signer-store.ts'
import { StoreError } from '../store/store-error.ts'
import { command, UsageError } from './command.ts'
import { hostSources } from './host-command.ts'

/** A host looks for orders twice a second and carries them out between two frames. */
const ANSWERED_WITHIN_MS = 10_000

const OPTIONS = {
  'env-file': { value: 'FILE', about: 'settings; host.env of the data directory if absent' },
  data: { value: 'DIR', about: 'data directory of the signer; QUORATE_DATA if absent' },
} as const
interface Where {
  readonly 'env-file'?: string
  readonly data?: string
}

export const pairsListCommand = command({
  name: 'pairs list',
  about: 'Shows how a signer stands with each of its peers for DKLs23: set-up, signatures made with it, bans.',
  options: OPTIONS,
  run: (given) => order(given, () => ({ order: 'list' })),
})

export const pairsRenewCommand = command({
  name: 'pairs renew',
  about: 'Gives up the set-up with a peer, so that a new one is made.',
  options: OPTIONS,
  positionals: 'PEER',
  run: (given, peers) => order(given, (config) => ({ order: 'renew', peer: peerOf(config, peers) })),
})

export const pairsLiftCommand = command({
  name: 'pairs lift',
  about: `Lifts the ban of a peer. First find out why it failed a check that no honest signer fails (SECURITY.md).
The seeds that it may have learned bits of are gone; only a new set-up makes the pair usable again.`,
  options: OPTIONS,
  positionals: 'PEER',
  run: (given, peers) => order(given, (config) => ({ order: 'lift', peer: peerOf(config, peers) })),
})

/** By index or by name. */
function peerOf({ index: self, roster: { signers } }: SignerConfig, [given, ...more]: readonly string[]): PartyId {
  const others = signers.filter(({ index }) => index !== self)
  const known = others.map(({ index, name }) => `${index} (${name})`).join(', ')
  if (given === undefined || more.length > 0) throw new UsageError(`give one peer: ${known}`)
  const found = others.find(({ index, name }) => String(index) === given || name === given)
  if (found === undefined) throw new UsageError(`this signer has no peer "${given}"; its peers are ${known}`)
  return found.index
}

async function order(given: Where, make: (config: SignerConfig) => PairOrder): Promise<number> {
  const config = loadConfig('signer', hostSources(given))
  const { done, lines } = await perform(config, make(config))
  for (const line of lines) {
    if (done) console.log(line)
    else console.error(`quorate: ${line}`)
  }
  return done ? 0 : 1
}

/** By the host that holds the store, if one runs; else here, under the same lock. */
async function perform(config: SignerConfig, what: PairOrder): Promise<OrderResult> {
  // Opened, it would be made.
  if (!existsSync(config.storeFile))
    throw new Error(`${config.storeFile}: this signer has never run; there is nothing to show or to change`)
  let store: SignerStore
  try {
    store = openSignerStore(config.storeFile)
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'LOCKED') throw error
    const result = await placeOrder(config.dataDir, what, ANSWERED_WITHIN_MS)
    if (result === undefined)
      throw new Error(`${config.storeFile} is open in another process that takes no orders; nothing was done`)
    return result
  }
  try {
    return await carryOut(what, officeOf(config, store), config.roster.signers)
  } finally {
    store.database.close()
  }
}

function officeOf({ index, roster: { roster } }: SignerConfig, { pairs }: SignerStore): PairOffice {
  const place = (peer: PartyId) => ({ peerKey: memberOf(roster, peer).signKey, rosterHash: roster.hash })
  return {
    peers: () => roster.members.map(({ id }) => id).filter((id) => id !== index),
    row: (peer) => pairs.get(place(peer)),
    renew: async (peer) => pairs.renew(place(peer)),
    lift: async (peer) => pairs.lift(place(peer), Date.now()),
  }
}
