import { expect, it } from 'vitest'
import { createLoopbackPeer, type LinkFault } from '../../src/transport/loopback.ts'
import { bytes, failure, text } from './fixture/set.ts'

/** A twin whose network misbehaves as told, and the bodies that arrived at its handler. */
function troubled(...faults: (LinkFault | undefined)[]) {
  const arrived: string[] = []
  const peer = createLoopbackPeer({
    name: 'signer-1',
    fingerprint: '00'.repeat(32),
    handlers: {
      '/echo': async (body) => {
        arrived.push(text(body))
        return bytes(`${text(body)} #${arrived.length}`)
      },
      '/broken': () => Promise.reject(new Error('broken')),
    },
    fault: (_path, index) => faults[index],
  })
  return { arrived, post: (word: string, path = '/echo', timeoutMs = 40) => peer.post(path, bytes(word), { timeoutMs }) }
}

it('drops the request: nothing arrives, the caller times out', async () => {
  const { arrived, post } = troubled({ type: 'drop', what: 'request' })
  expect(await failure(post('x'))).toMatchObject({ kind: 'timeout' })
  expect(arrived).toEqual([])
  expect(text(await post('y'))).toBe('y #1')
})

it('drops the answer: the request arrives, the caller times out', async () => {
  const { arrived, post } = troubled({ type: 'drop', what: 'answer' }, { type: 'drop', what: 'answer' })
  expect(await failure(post('x'))).toMatchObject({ kind: 'timeout' })
  expect(await failure(post('x', '/broken'))).toMatchObject({ kind: 'timeout' })
  expect(arrived).toEqual(['x'])
})

it('delays the request, which may then arrive after the deadline', async () => {
  const { arrived, post } = troubled({ type: 'delay', ms: 10 }, { type: 'delay', ms: 60 })
  expect(text(await post('x'))).toBe('x #1')
  expect(await failure(post('y'))).toMatchObject({ kind: 'timeout' })
  expect(arrived).toEqual(['x'])
  await expect.poll(() => arrived).toEqual(['x', 'y'])
})

it('duplicates the request: it arrives twice, one answer returns', async () => {
  const { arrived, post } = troubled({ type: 'duplicate' }, { type: 'duplicate' })
  expect(text(await post('x'))).toBe('x #1')
  expect(arrived).toEqual(['x', 'x'])
  expect(await failure(post('x', '/broken'))).toMatchObject({ kind: 'bad_response', status: 500 })
})

it('is unreachable for a call and back for the next', async () => {
  const { arrived, post } = troubled({ type: 'unreachable' })
  expect(await failure(post('x'))).toEqual({ kind: 'unreachable', peer: 'signer-1', code: 'ECONNREFUSED' })
  expect(arrived).toEqual([])
  expect(text(await post('y'))).toBe('y #1')
})
