import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { UnknownRoute } from '../../../src/actors/round.ts'
import { signerLink } from '../../../src/host/coordinator/signer-link.ts'
import { FRAMES_VERSION, REPLY, ROUTES, STATUS } from '../../../src/protocol/frames/signer-frames.ts'
import type { PeerHandler } from '../../../src/transport/inbound.ts'
import { call, type RunningSigner, startSigner } from '../../transport/fixture/set.ts'
import { inProcessSet, type TestSet } from './in-process-set.ts'
import { expectWorks, makeKeys, problemOf, type Scheme, sign, someMessage, type TestKey } from './signing-keys.ts'
import { until } from './until.ts'

const FROST = ['schnorr-secp256k1', 'eddsa-ed25519'] as const
const OTHER = 3
/** The routes of a signer as they will be called after the next change of the frames. */
const renumbered = (handlers: Readonly<Record<string, PeerHandler>>): Record<string, PeerHandler> =>
  Object.fromEntries(
    Object.entries(handlers).map(([path, handler]) => [
      path.replace(`/v${FRAMES_VERSION}/`, `/v${FRAMES_VERSION + 1}/`),
      handler,
    ]),
  )

describe('T-20 hosts of different versions', () => {
  const lines: string[] = []
  let set: TestSet
  let keys: Readonly<Record<Scheme, TestKey>>
  let newer: RunningSigner
  beforeAll(async () => {
    set = await inProcessSet({ log: pino({ level: 'error' }, { write: (line: string) => void lines.push(line) }) })
    keys = await makeKeys(set)
    newer = await startSigner({ handlers: renumbered(set.signerOf(OTHER).handlers), maxBytes: 1 << 20 })
  })
  afterAll(async () => {
    await newer.close()
    set.close()
  })
  const state = () => set.service.set().signers[OTHER - 1]
  afterEach(async () => {
    set.hooks.tamper = (_to, _route, frame, deliver) => deliver(frame)
    await until('up', () => state()?.state === 'up')
    for (const key of Object.values(keys)) await expectWorks(set, key)
  })

  it('releases that share the frames work together, whatever they call themselves', async () => {
    set.hooks.tamper = async (to, route, frame, deliver) => {
      const answer = await deliver(frame)
      return to === OTHER && route === 'status' ? STATUS.encode({ ...STATUS.decode(answer), version: '7.12.0-rc.1' }) : answer
    }
    await until('the other version', () => state()?.version === '7.12.0-rc.1')
    expect(state()?.state).toBe('up')
    for (const key of Object.values(keys)) await expectWorks(set, key)
  })

  it.each([
    [
      'has other routes',
      async () => {
        const client = call(newer.url)
        const link = signerLink(OTHER, client)
        return {
          answer: (route: keyof typeof ROUTES, frame: Uint8Array) => link.send(route, frame, 2000),
          close: () => client.close(),
        }
      },
    ],
    [
      'answers what we cannot read',
      async () => ({
        answer: async () =>
          REPLY.encode({ type: 1, code: '', culprits: [], envelopes: [], tickets: [], exhibits: [], result: new Uint8Array(0) }),
        close: async () => {},
      }),
    ],
  ])(
    'a signer whose frames are of another version (%s) is said to be that, used for nothing, and missed where it is needed',
    async (_, open) => {
      const { answer, close } = await open()
      lines.length = 0
      set.hooks.tamper = (to, route, frame, deliver) => (to === OTHER ? answer(route, frame) : deliver(frame))
      await until('incompatible', () => state()?.state === 'incompatible')
      expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ signer: 'signer-3', up: false, ours: FRAMES_VERSION }])
      expect(lines[0]).toContain('another version of the protocol')
      for (const scheme of FROST) expect((await expectWorks(set, keys[scheme])).signers).toEqual([1, 2])
      const ecdsa = await problemOf(sign(set, keys['ecdsa-secp256k1'], someMessage()))
      expect([ecdsa.code, ecdsa.missing, ecdsa.culprits, ecdsa.outcome]).toEqual([
        'quorum_unavailable',
        ['signer-3'],
        undefined,
        'none',
      ])
      const keygen = await problemOf(set.service.createKey(set.request('cred_alice', set.keygen('eddsa-ed25519')), set.client))
      expect([keygen.code, keygen.missing]).toEqual(['quorum_unavailable', ['signer-3']])
      await close()
    },
  )

  it('a coordinator whose frames are of another version gets no word out of a signer, on any route', async () => {
    const before = set.signerOf(OTHER).actor.load
    const client = call(newer.url)
    for (const path of Object.values(ROUTES)) {
      await expect(client.post(path, new Uint8Array(0), { timeoutMs: 2000 })).rejects.toMatchObject({
        kind: 'bad_response',
        status: 404,
      })
    }
    await expect(signerLink(OTHER, client).send('status', new Uint8Array(0), 2000)).rejects.toBeInstanceOf(UnknownRoute)
    await client.close()
    expect(newer.errors).toEqual([])
    expect(set.signerOf(OTHER).actor.load).toMatchObject({ open: before.open })
  })
})
