import { expect } from 'vitest'
import type { Answer } from './wire.ts'

/** What every answer of every host has, whoever wrote it. */
export function expectSafe({ headers, text, status }: Answer, place: string): void {
  expect(status, place).toBeLessThan(500)
  expect(headers, place).toMatchObject({
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
  })
  expect(headers['content-security-policy'], place).toContain("default-src 'none'")
  expect(headers['content-security-policy'], place).toContain("frame-ancestors 'none'")
  for (const name of ['server', 'x-powered-by', 'via', 'set-cookie', 'access-control-allow-origin', 'allow']) {
    expect(headers, place).not.toHaveProperty(name)
  }
  expect(text, place).not.toMatch(/node_modules|\.ts:\d|at .*\(file:/)
  expect(Object.values(headers).join(' '), place).not.toMatch(/hono|node/i)
}
