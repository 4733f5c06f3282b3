import { type SignerLink, UnknownRoute } from '../../actors/round.ts'
import type { PartyId } from '../../protocol/engine/party.ts'
import { ROUTES } from '../../protocol/frames/signer-frames.ts'
import { type Peer, PeerError } from '../../transport/peer.ts'

/** The way to a signer over its pinned connection. */
export const signerLink = (id: PartyId, peer: Pick<Peer, 'post'>): SignerLink => ({
  id,
  send: async (route, frame, timeoutMs) => {
    try {
      return await peer.post(ROUTES[route], frame, { timeoutMs })
    } catch (error) {
      throw error instanceof PeerError && error.status === 404 ? new UnknownRoute(error.message) : error
    }
  },
})
