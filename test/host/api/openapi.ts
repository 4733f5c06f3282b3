import type { OpenAPIHono } from '@hono/zod-openapi'
import { expect } from 'vitest'
import type { HttpEnv } from '../../../src/host/api/http-env.ts'
import { PROBLEM_CODES } from '../../../src/host/api/problem.ts'

interface Operation {
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[]
  readonly requestBody?: unknown
  readonly responses: Readonly<Record<string, { description?: string; content?: Readonly<Record<string, unknown>> }>>
}
export interface OpenApi {
  readonly openapi: string
  readonly info: { readonly version: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: {
    readonly schemas: Readonly<Record<string, unknown>>
    readonly securitySchemes: Readonly<Record<string, unknown>>
  }
}

export const specOf = async (app: OpenAPIHono<HttpEnv>): Promise<OpenApi> =>
  (await (await app.request('/openapi.json')).json()) as OpenApi

/** `GET /api/v1/keys/{id}` for every operation of the document. */
export const operationsOf = (spec: OpenApi): string[] =>
  Object.entries(spec.paths).flatMap(([path, item]) => Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`))

/** What the application answers: middleware is registered for ALL. */
export const routesOf = (app: OpenAPIHono<HttpEnv>): string[] =>
  app.routes.filter(({ method }) => method !== 'ALL').map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)

/** Every `$ref` of the document leads somewhere inside it. */
export function expectReferencesToResolve(spec: OpenApi): void {
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit)
    else if (typeof value === 'object' && value !== null) {
      for (const [name, member] of Object.entries(value)) {
        if (name === '$ref') {
          const target = String(member)
            .replace('#/', '')
            .split('/')
            .reduce<unknown>((at, part) => (at as Record<string, unknown>)?.[part], spec)
          expect(target, String(member)).toBeTypeOf('object')
        } else visit(member)
      }
    }
  }
  visit(spec)
}

/** Rules that hold for any API of ours. */
export function expectSoundDocument(spec: OpenApi, securitySchemes: readonly string[]): void {
  expect(spec.openapi).toBe('3.1.0')
  expect(Object.keys(spec.components.securitySchemes)).toEqual(securitySchemes)
  expectReferencesToResolve(spec)
  for (const [path, item] of Object.entries(spec.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      const place = `${method} ${path}`
      const answers = Object.entries(operation.responses)
      expect(
        answers.some(([status]) => status.startsWith('2')),
        place,
      ).toBe(true)
      for (const [status, answer] of answers) {
        if (status.startsWith('2') || status === '304') continue
        expect(Object.keys(answer.content ?? {}), `${place} ${status}`).toEqual(['application/problem+json'])
        for (const code of (answer.description ?? '').split(', ')) expect(PROBLEM_CODES, place).toContain(code)
      }
      if (path.startsWith('/api/'))
        expect(
          operation.security?.flatMap((entry) => Object.keys(entry)),
          place,
        ).toEqual(securitySchemes)
      if (method === 'post') expect(operation.requestBody, place).toBeDefined()
    }
  }
}

/** The page needs nothing but itself and shows every call, problem and shape; its policy lets no script run. */
export async function expectSelfContainedPage(app: OpenAPIHono<HttpEnv>): Promise<void> {
  const answer = await app.request('/docs')
  expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8')
  const policy = answer.headers.get('content-security-policy') ?? ''
  expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]{44}'/)
  expect(policy).not.toContain('script-src')
  const page = await answer.text()
  expect(page).not.toMatch(/<script|<link|<img|src=|@import|url\(/i)
  for (const [, target] of page.matchAll(/href="([^"]*)"/g)) {
    expect(target).toMatch(/^(#|\/openapi\.json$)/)
    if (target?.startsWith('#')) expect(page, target).toContain(`id="${target.slice(1)}"`)
  }
  const spec = await specOf(app)
  for (const path of Object.keys(spec.paths)) expect(page).toContain(path)
  for (const code of PROBLEM_CODES) expect(page).toContain(`id="problem-${code}"`)
  for (const name of Object.keys(spec.components.schemas)) expect(page).toContain(`id="schema-${name}"`)
}
