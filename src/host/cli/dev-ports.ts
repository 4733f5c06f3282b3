import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

const LOOPBACK = '127.0.0.1'

/** Whether a host could listen there now. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: LOOPBACK, exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/** @throws Error naming every port that is taken, and the setting that moves it. */
export async function assertFree(
  ports: readonly { readonly port: number; readonly owner: string; readonly setting: string }[],
): Promise<void> {
  const taken = []
  for (const entry of ports) if (!(await isFree(entry.port))) taken.push(entry)
  if (taken.length === 0) return
  const list = taken.map(({ port, owner, setting }) => `port ${port} (${owner}, ${setting})`).join(', ')
  throw new Error(
    `another program listens on ${list}.\nEnd it (is a set running already?), set other ports, or use --ephemeral for free ones.`,
  )
}

/**
 * Ports that nobody uses, drawn below the range from which systems take the ports of outgoing connections: one of those could
 * be taken by any connection of any program before the host listens on it.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const found = new Set<number>()
  for (let tries = 0; found.size < count; tries++) {
    if (tries > 1000) throw new Error('no free ports between 10000 and 32000')
    const port = randomInt(10_000, 32_000)
    if (!found.has(port) && (await isFree(port))) found.add(port)
  }
  return [...found]
}
