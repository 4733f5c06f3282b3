import { describe, expect, it } from 'vitest'
import { emptyAnswer } from '../../src/actors/crypto-commands.ts'
import { provenCulprits, round, type SignerLink } from '../../src/actors/round.ts'
import { REPLY, type Reply } from '../../src/protocol/frames/signer-frames.ts'

const reply = (changes: Partial<Reply> = {}): Reply => ({ ...emptyAnswer().reply, ...changes })

const link = (id: number, send: SignerLink['send']): SignerLink => ({ id, send })
const answering = (id: number, changes: Partial<Reply> = {}): SignerLink => link(id, async () => REPLY.encode(reply(changes)))

describe('a round', () => {
  it('sends each signer its own frame at once and gathers the answers', async () => {
    const sent: string[] = []
    let open = 0
    const links = [3, 1, 2].map((id) =>
      link(id, async (route, frame, timeoutMs) => {
        open += 1
        sent.push(`${id} ${route} ${frame[0]} ${timeoutMs}`)
        await new Promise((resolve) => void setTimeout(resolve, 1))
        expect(open).toBe(3)
        return REPLY.encode(reply({ culprits: [id] }))
      }),
    )
    const { replies, missing } = await round(links, 'round', (id) => Uint8Array.of(10 * id), 77)
    expect(sent).toEqual(['3 round 30 77', '1 round 10 77', '2 round 20 77'])
    expect([...replies].map(([id, r]) => [id, r.culprits[0]])).toEqual(
      expect.arrayContaining([
        [1, 1],
        [2, 2],
        [3, 3],
      ]),
    )
    expect(missing).toEqual([])
  })

  it('T-17 names whoever was unreachable or answered no reply, in order, and blames nobody', async () => {
    const { replies, missing } = await round(
      [
        link(4, async () => Uint8Array.of(1, 2, 3)),
        answering(2),
        link(3, async () => Promise.reject(new Error('down'))),
        link(1, async () => new Uint8Array(0)),
      ],
      'status',
      () => new Uint8Array(0),
      10,
    )
    expect([...replies.keys()]).toEqual([2])
    expect(missing).toEqual([1, 3, 4])
  })

  it('survives a frame that cannot be made for one signer', async () => {
    const { replies, missing } = await round(
      [answering(1), answering(2)],
      'round',
      (id) => {
        if (id === 1) throw new RangeError('too long')
        return new Uint8Array(0)
      },
      10,
    )
    expect([[...replies.keys()], missing]).toEqual([[2], [1]])
  })

  it('U-03 passes on known codes and no other text of a signer', async () => {
    const codes = ['HM_KID', 'request_replayed', 'KEY_EXISTS', 'toString', 'x'.repeat(40), '<script>']
    const links = codes.map((code, i) => answering(i + 1, { code }))
    const { replies } = await round(links, 'round', () => new Uint8Array(0), 10)
    expect(links.map((l) => replies.get(l.id)?.code)).toEqual([
      'HM_KID',
      'request_replayed',
      'KEY_EXISTS',
      'UNKNOWN',
      'UNKNOWN',
      'UNKNOWN',
    ])
  })
})

describe('culprits', () => {
  const naming = (...culprits: number[]): Reply => reply({ culprits })
  it('are proven by the word of t signers, since one of those is honest', () => {
    expect(provenCulprits([naming(3), naming(3), naming(1)], 2)).toEqual([3])
    expect(provenCulprits([naming(3), naming(2)], 2)).toEqual([])
    expect(provenCulprits([naming(3, 3, 3)], 2)).toEqual([])
    expect(provenCulprits([naming(5, 2), naming(2, 5)], 2)).toEqual([2, 5])
    expect(provenCulprits([], 2)).toEqual([])
  })
})
