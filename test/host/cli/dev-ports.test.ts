import { createServer } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { assertFree, freePorts } from '../../../src/host/cli/dev-ports.ts'

function occupy(port: number): Promise<void> {
  const server = createServer()
  onTestFinished(() => void server.close())
  return new Promise((resolve) => server.listen(port, '127.0.0.1', resolve))
}

it('finds different free ports below those of outgoing connections', async () => {
  const ports = await freePorts(20)
  expect(new Set(ports).size).toBe(20)
  for (const port of ports) expect(port).toBeGreaterThanOrEqual(10_000)
  for (const port of ports) expect(port).toBeLessThan(32_000)
})

it('names each taken port, whose it was to be, and the setting', async () => {
  const [one, other, free] = (await freePorts(3)) as [number, number, number]
  const entries = [one, other, free].map((port, i) => ({ port, owner: `host-${i}`, setting: `QUORATE_${i}` }))
  await assertFree(entries)
  await occupy(one)
  await occupy(other)
  await expect(assertFree(entries)).rejects.toThrow(`port ${one} (host-0, QUORATE_0), port ${other} (host-1, QUORATE_1)`)
  await expect(assertFree(entries)).rejects.not.toThrow('QUORATE_2')
})
