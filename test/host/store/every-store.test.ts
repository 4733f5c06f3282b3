import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { describe, expect, it } from 'vitest'
import { DRIVERS, type OpenStore, ROWS, type Role } from './drivers.ts'
import { linesOf, otherProcess, outputOf, scratch } from './scratch.ts'

const roles = Object.keys(DRIVERS) as Role[]
const at = scratch()

const codeOf = (work: () => unknown): unknown => {
  try {
    work()
    return 'done'
  } catch (error) {
    return (error as { code?: unknown }).code ?? error
  }
}

/** A closed store of `batches` batches. */
function filled(role: Role, path: string, batches: number): void {
  const store = DRIVERS[role](path)
  for (let i = 0; i < batches; i++) store.write(i)
  store.database.close()
}

function using<T>(role: Role, path: string, work: (store: OpenStore) => T): T {
  const store = DRIVERS[role](path)
  try {
    return work(store)
  } finally {
    store.database.close()
  }
}

describe.each(roles)('the store of a %s', (role) => {
  it('is made with narrow modes and keeps what was written', () => {
    const path = at('new/data.db')
    using(role, path, (store) => {
      store.write(0)
      expect(statSync(at('new')).mode & 0o777).toBe(0o700)
      expect(statSync(path).mode & 0o777).toBe(0o600)
      expect(statSync(`${path}-wal`).mode & 0o777).toBe(0o600)
      expect(existsSync(`${path}-shm`)).toBe(false)
    })
    expect(using(role, path, (store) => [store.rows(0), store.rows(1)])).toEqual([ROWS, 0])
  })

  it('has every acknowledged write, and no half one, after SIGKILL', async () => {
    const path = at('data.db')
    const child = otherProcess(
      { DRIVERS: './drivers.ts' },
      `const store = DRIVERS[${JSON.stringify(role)}](${JSON.stringify(path)})
       for (let i = 0; ; i++) { store.write(i); console.log(i) }`,
    )
    let acknowledged = -1
    for await (const line of linesOf(child)) {
      acknowledged = Number(line)
      if (acknowledged === 40) child.kill('SIGKILL')
    }
    expect(acknowledged).toBeGreaterThanOrEqual(40)
    using(role, path, (store) => {
      const found = Array.from({ length: acknowledged + 3 }, (_, i) => store.rows(i))
      expect(found.slice(0, acknowledged + 1)).toEqual(Array(acknowledged + 1).fill(ROWS))
      // The next one may have been committed before its line was read; none is there in part.
      expect([0, ROWS]).toContain(found[acknowledged + 1])
      store.write(acknowledged + 2)
      expect(store.rows(acknowledged + 2)).toBe(ROWS)
    })
  })

  it('is refused to a second host while one has it', async () => {
    const path = at('data.db')
    const child = otherProcess(
      { DRIVERS: './drivers.ts' },
      `DRIVERS[${JSON.stringify(role)}](${JSON.stringify(path)}); console.log('open'); setInterval(() => {}, 1000)`,
    )
    for await (const line of linesOf(child)) {
      expect(line).toBe('open')
      expect(codeOf(() => DRIVERS[role](path))).toBe('LOCKED')
      child.kill('SIGKILL')
    }
    using(role, path, (store) => {
      store.write(0)
      expect(store.rows(0)).toBe(ROWS)
    })
  })

  it('waits for a predecessor that is about to close', async () => {
    const path = at('data.db')
    const child = otherProcess(
      { DRIVERS: './drivers.ts' },
      `const store = DRIVERS[${JSON.stringify(role)}](${JSON.stringify(path)}); store.write(0); console.log('open')
       setTimeout(() => store.database.close(), 300)`,
    )
    for await (const line of linesOf(child)) {
      expect(line).toBe('open')
      expect(using(role, path, (store) => store.rows(0))).toBe(ROWS)
    }
  })

  it('is refused when it is empty, truncated or overwritten, and is not changed by that', () => {
    const path = at('data.db')
    filled(role, path, 100)
    const { size } = statSync(path)
    for (const length of [0, 50, 100, 512, 4096, 5000, size / 2, size - 4096, size - 1]) {
      const damaged = at(`truncated-${length}.db`)
      copyFileSync(path, damaged)
      truncateSync(damaged, length)
      const before = readFileSync(damaged)
      expect([length, codeOf(() => DRIVERS[role](damaged))]).toEqual([length, 'CORRUPT'])
      expect(before.equals(readFileSync(damaged))).toBe(true)
    }
    // The last page is one of data: a new store ends before it.
    for (const offset of [0, 105, size - 4096]) {
      const damaged = at(`overwritten-${offset}.db`)
      copyFileSync(path, damaged)
      writeSync(openSync(damaged, 'r+'), new Uint8Array(2000).fill(0xa5), 0, 2000, offset)
      expect([offset, codeOf(() => DRIVERS[role](damaged))]).toEqual([offset, 'CORRUPT'])
    }
    writeFileSync(at('text.db'), 'not a database at all '.repeat(100))
    expect(codeOf(() => DRIVERS[role](at('text.db')))).toBe('CORRUPT')
    mkdirSync(at('directory.db'))
    expect(codeOf(() => DRIVERS[role](at('directory.db')))).toBe('IO')
  })

  it('is refused to another role', () => {
    const path = at('data.db')
    filled(role, path, 1)
    for (const other of roles.filter((name) => name !== role)) expect(codeOf(() => DRIVERS[other](path))).toBe('WRONG_FILE')
    expect(using(role, path, (store) => store.rows(0))).toBe(ROWS)
  })

  it('is refused to an older program', () => {
    const path = at('data.db')
    using(role, path, (store) => {
      store.write(0)
      store.database.statement('PRAGMA user_version = 99').run()
    })
    expect(codeOf(() => DRIVERS[role](path))).toBe('NEWER_SCHEMA')
  })

  it('narrows a mode that lets others read, and refuses a directory that others can write', () => {
    const path = at('data.db')
    filled(role, path, 1)
    chmodSync(path, 0o664)
    expect(using(role, path, (store) => store.rows(0))).toBe(ROWS)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    chmodSync(at('.'), 0o770)
    expect(codeOf(() => DRIVERS[role](path))).toBe('PERMISSIONS')
  })

  it('is refused on a disk that cannot be written', async () => {
    mkdirSync(at('disk'), { mode: 0o700 })
    const path = at('disk/data.db')
    // Modes do not bind root, so a root process becomes somebody else first.
    const output = await outputOf(
      otherProcess(
        { DRIVERS: './drivers.ts', 'chmodSync, chownSync': 'node:fs' },
        `const [path, role] = [${JSON.stringify(path)}, ${JSON.stringify(role)}]
         const attempt = () => { try { DRIVERS[role](path).database.close(); console.log('open') } catch (e) { console.log(e.code) } }
         if (process.getuid() === 0) {
           for (const name of [${JSON.stringify(at('.'))}, ${JSON.stringify(at('disk'))}]) chownSync(name, 65534, 65534)
           process.setgid(65534); process.setuid(65534)
         }
         attempt(); chmodSync(path, 0o400)
         attempt(); chmodSync(path, 0o600); chmodSync(${JSON.stringify(at('disk'))}, 0o500)
         attempt(); chmodSync(${JSON.stringify(at('disk'))}, 0o700)
         attempt()`,
      ),
    )
    expect(output.split('\n')).toEqual(['open', 'READ_ONLY', 'READ_ONLY', 'open'])
  })

  it('on a full disk refuses whole writes and goes on when there is room again', () => {
    using(role, at('data.db'), (store) => {
      store.database.statement('PRAGMA max_page_count = 40').all()
      let last = 0
      while (codeOf(() => store.write(last)) === 'done') last++
      expect(last).toBeGreaterThan(2)
      expect(codeOf(() => store.write(last))).toBe('FULL')
      expect([store.rows(last - 1), store.rows(last)]).toEqual([ROWS, 0])
      store.database.statement('PRAGMA max_page_count = 4000').all()
      store.write(last)
      expect(store.rows(last)).toBe(ROWS)
    })
  })

  it('stops for good when the disk fails, and has every acknowledged write after a restart', async () => {
    const path = at('data.db')
    // A file size limit of the system stands for the failing disk: SQLite meets a real write error.
    const child = otherProcess(
      { DRIVERS: './drivers.ts' },
      `const store = DRIVERS[${JSON.stringify(role)}](${JSON.stringify(path)})
       let i = 0
       const codeOf = (work) => { try { work(); return 'done' } catch (e) { return e.code } }
       while (codeOf(() => store.write(i)) === 'done') i++
       console.log(JSON.stringify([i, codeOf(() => store.write(i)), codeOf(() => store.write(0)), codeOf(() => store.rows(0))]))
       process.kill(process.pid, 'SIGKILL')`,
      ['sh', '-c', 'ulimit -f 1000; exec "$@"', 'sh'],
    )
    const exited = once(child, 'exit')
    const [written, ...codes] = JSON.parse(await outputOf(child)) as [number, ...string[]]
    await exited
    expect(written).toBeGreaterThan(2)
    expect(codes).toEqual(['IO', 'IO', 'IO'])
    using(role, path, (store) => {
      const found = Array.from({ length: written }, (_, i) => store.rows(i))
      expect(found).toEqual(Array(written).fill(ROWS))
      expect([0, ROWS]).toContain(store.rows(written))
    })
  })

  it('says so when it is closed', () => {
    const store = DRIVERS[role](at('data.db'))
    store.database.close()
    store.database.close()
    expect(codeOf(() => store.write(0))).toBe('CLOSED')
    expect(codeOf(() => store.rows(0))).toBe('CLOSED')
  })
})
