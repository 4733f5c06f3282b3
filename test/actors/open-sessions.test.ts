import { describe, expect, it } from 'vitest'
import { type Endable, OpenSessions } from '../../src/actors/open-sessions.ts'

const id = (n: number): Uint8Array => {
  const bytes = new Uint8Array(32)
  new DataView(bytes.buffer).setUint32(0, n)
  return bytes
}

class Fake implements Endable {
  readonly deadline: number
  ended = false
  ends = 0
  readonly bytes: number
  constructor(deadline: number, bytes = 100) {
    this.deadline = deadline
    this.bytes = bytes
  }
  end(): void {
    this.ended = true
    this.ends += 1
  }
}

function open(sessions: OpenSessions<Fake>, n: number, deadline: number): Fake {
  const verdict = sessions.admit(id(n), deadline)
  if (verdict !== 'ok') throw new Error(`session ${n} is ${verdict}`)
  const session = new Fake(deadline)
  sessions.add(id(n), session)
  return session
}

describe('the sessions of a worker', () => {
  it('T-09 an id runs once, also after its session has ended, until its deadline', () => {
    const sessions = new OpenSessions<Fake>()
    open(sessions, 1, 100)
    expect(sessions.admit(id(1), 100)).toBe('repeated')
    sessions.end(id(1))
    expect(sessions.admit(id(1), 500)).toBe('repeated')
    sessions.expire(100)
    expect(sessions.admit(id(1), 500)).toBe('repeated')
    sessions.expire(101)
    expect(sessions.admit(id(1), 500)).toBe('ok')
  })

  it('ends once and for all: abort, deadline and the end of the worker', () => {
    const sessions = new OpenSessions<Fake>()
    const all = [1, 2, 3].map((n) => open(sessions, n, 100 * n))
    sessions.end(id(1))
    sessions.end(id(1))
    sessions.expire(250)
    sessions.endAll()
    sessions.endAll()
    expect(all.map((s) => s.ends)).toEqual([1, 1, 1])
    expect(sessions.size).toBe(0)
    expect([1, 2, 3].map((n) => sessions.get(id(n)))).toEqual([undefined, undefined, undefined])
  })

  it('keeps an ended session for its last reply, without counting it as open', () => {
    const sessions = new OpenSessions<Fake>()
    const session = open(sessions, 1, 100)
    sessions.settle(id(1))
    expect([sessions.size, sessions.ended]).toEqual([1, 0])
    session.end()
    sessions.settle(id(1))
    expect([sessions.size, sessions.ended]).toEqual([0, 1])
    expect(sessions.get(id(1))).toBe(session)
    sessions.expire(101)
    expect(sessions.get(id(1))).toBeUndefined()
  })

  it('F-04 takes 256 at a time, and others again when some have ended', () => {
    const sessions = new OpenSessions<Fake>()
    const all = Array.from({ length: 256 }, (_, n) => open(sessions, n, 100))
    expect(sessions.admit(id(256), 100)).toBe('full')
    all[7]?.end()
    sessions.settle(id(7))
    expect(sessions.admit(id(256), 100)).toBe('ok')
  })

  it('takes so many bytes at a time, and others again when some have ended', () => {
    const sessions = new OpenSessions<Fake>()
    const large = 100 << 20
    for (const n of [1, 2]) {
      expect(sessions.admit(id(n), 100, large)).toBe('ok')
      sessions.add(id(n), new Fake(100), large)
    }
    expect(sessions.admit(id(3), 100, large)).toBe('full')
    expect(sessions.admit(id(4), 100, 1 << 20)).toBe('ok')
    sessions.end(id(1))
    expect(sessions.admit(id(3), 100, large)).toBe('ok')
    sessions.add(id(3), new Fake(100), large)
    expect(sessions.admit(id(5), 100, large)).toBe('full')
    sessions.expire(101)
    expect(sessions.admit(id(5), 500, large)).toBe('ok')
  })

  it('T-17 keeps 64 MiB of replies at most: the oldest go, and room comes back with what is forgotten', () => {
    const sessions = new OpenSessions<Fake>()
    const settle = (n: number): void => {
      expect(sessions.admit(id(n), 100)).toBe('ok')
      const session = new Fake(100, 1 << 20)
      sessions.add(id(n), session)
      session.end()
      sessions.settle(id(n))
    }
    for (let n = 0; n < 100; n++) settle(n)
    expect([sessions.ended, sessions.get(id(35)), sessions.get(id(36))?.ended]).toEqual([64, undefined, true])
    for (let n = 36; n < 46; n++) sessions.end(id(n))
    for (let n = 100; n < 110; n++) settle(n)
    expect([sessions.ended, sessions.get(id(46))?.ended]).toEqual([64, true])
    sessions.expire(101)
    for (let n = 200; n < 264; n++) settle(n)
    expect(sessions.ended).toBe(64)
  })

  it('T-17 memory returns to nothing after 20,000 sessions, abandoned, ended or aborted', () => {
    const sessions = new OpenSessions<Fake>()
    let most = 0
    for (let n = 0; n < 20_000; n++) {
      const session = open(sessions, n, n + 100)
      if (n % 3 === 0) sessions.end(id(n))
      if (n % 3 === 1) {
        session.end()
        sessions.settle(id(n))
      }
      sessions.expire(n)
      most = Math.max(most, sessions.size, sessions.ended)
    }
    expect(most).toBeLessThanOrEqual(512)
    sessions.expire(30_000)
    expect([sessions.size, sessions.ended, sessions.seen]).toEqual([0, 0, 0])
  })

  it('refuses rather than forget an id that could still come again', () => {
    const sessions = new OpenSessions<Fake>()
    for (let n = 0; n < 65_536; n++) {
      open(sessions, n, 100)
      sessions.end(id(n))
    }
    expect(sessions.admit(id(65_536), 100)).toBe('full')
    expect(sessions.admit(id(3), 100)).toBe('repeated')
    sessions.expire(101)
    expect(sessions.admit(id(65_536), 200)).toBe('ok')
  })
})
