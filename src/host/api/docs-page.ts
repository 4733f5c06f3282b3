import { createHash } from 'node:crypto'
import type { OpenAPIHono } from '@hono/zod-openapi'
import { html, raw } from 'hono/html'
import { PROBLEM_CODES, PROBLEMS } from './problem.ts'

type Spec = ReturnType<OpenAPIHono['getOpenAPI31Document']>
type Markup = ReturnType<typeof raw>

/** The part of JSON Schema that our zod schemas turn into; anything else is shown as JSON. */
interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly allOf?: readonly Schema[]
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly description?: string
}

interface Operation {
  readonly summary?: string
  readonly description?: string
  readonly tags?: readonly string[]
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[]
  readonly parameters?: readonly { name: string; in: string; required?: boolean; description?: string; schema?: Schema }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { schema?: Schema }>> }
  readonly responses: Readonly<Record<string, { description?: string; content?: Readonly<Record<string, { schema?: Schema }>> }>>
}

const STYLE = `
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--accent:#0a7d5c}
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1.5rem}
h1{margin-bottom:0}h2{margin-top:2.5rem;border-bottom:1px solid var(--line)}
section{margin:1.5rem 0;padding:.2rem 1rem 1rem;border:1px solid var(--line);border-radius:.5rem}
h3{font:600 1rem ui-monospace,monospace}h3 b{color:var(--accent);text-transform:uppercase;margin-right:.6rem}
code,.type{font:13px ui-monospace,monospace}.type{overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;margin:.4rem 0}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid var(--line)}
th{background:var(--soft);font-weight:600}nav li{list-style:none;font:13px/1.8 ui-monospace,monospace}nav ul{padding:0}
.soft{opacity:.7}`

const anchor = (text: string): string => text.replaceAll(/[^A-Za-z0-9]+/g, '-')

function typeOf(schema: Schema): Markup | Promise<Markup> {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').at(-1) ?? ''
    return html`<a href="#schema-${name}">${name}</a>`
  }
  const options = schema.anyOf ?? schema.oneOf
  if (options !== undefined) return html`${options.map((option, i) => html`${i > 0 ? ' | ' : ''}${typeOf(option)}`)}`
  if (schema.allOf !== undefined) return html`${schema.allOf.map((part, i) => html`${i > 0 ? ' & ' : ''}${typeOf(part)}`)}`
  if (schema.enum !== undefined) return html`${schema.enum.map((value) => JSON.stringify(value)).join(' | ')}`
  if (schema.const !== undefined) return html`${JSON.stringify(schema.const)}`
  if (schema.items !== undefined) {
    const bounds = schema.maxItems === undefined ? '' : ` (${schema.minItems ?? 0} to ${schema.maxItems})`
    return html`list of ${typeOf(schema.items)}${bounds}`
  }
  if (schema.properties !== undefined) return membersOf(schema)
  if (typeof schema.additionalProperties === 'object') return html`map to ${typeOf(schema.additionalProperties)}`
  const type = Array.isArray(schema.type) ? schema.type.join(' | ') : String(schema.type ?? 'any')
  const range =
    schema.minimum === undefined && schema.maximum === undefined ? '' : ` ${schema.minimum ?? ''}..${schema.maximum ?? ''}`
  return html`${type}${range}${schema.pattern === undefined ? '' : html` <span class="soft">${schema.pattern}</span>`}`
}

function membersOf(schema: Schema): Markup | Promise<Markup> {
  const rows = Object.entries(schema.properties ?? {}).map(
    ([name, member]) => html`<tr>
      <td><code>${name}</code>${schema.required?.includes(name) ? '' : html` <span class="soft">optional</span>`}</td>
      <td class="type">${typeOf(member)}</td>
      <td>${member.description ?? ''}</td>
    </tr>`,
  )
  return html`<table><tr><th>Member</th><th>Type</th><th></th></tr>${rows}</table>`
}

const bodyOf = (content: Readonly<Record<string, { schema?: Schema }>> | undefined): Markup | Promise<Markup> =>
  html`${Object.entries(content ?? {}).map(
    ([type, { schema }]) =>
      html`<span class="soft">${type}</span> <span class="type">${schema === undefined ? '' : typeOf(schema)}</span>`,
  )}`

function operationOf(method: string, path: string, operation: Operation): Markup | Promise<Markup> {
  const access = (operation.security ?? []).flatMap((entry) =>
    Object.entries(entry).map(([name, scopes]) => (scopes.length === 0 ? name : `${name} (${scopes.join(' ')})`)),
  )
  const parameters = (operation.parameters ?? []).map(
    (parameter) => html`<tr>
      <td><code>${parameter.name}</code> <span class="soft">${parameter.in}${parameter.required === true ? '' : ', optional'}</span></td>
      <td class="type">${parameter.schema === undefined ? '' : typeOf(parameter.schema)}</td>
      <td>${parameter.description ?? parameter.schema?.description ?? ''}</td>
    </tr>`,
  )
  const answers = Object.entries(operation.responses).map(
    ([status, answer]) =>
      html`<tr><td><code>${status}</code></td><td>${answer.description ?? ''}</td><td>${bodyOf(answer.content)}</td></tr>`,
  )
  return html`<section id="${anchor(`${method}-${path}`)}">
    <h3><b>${method}</b>${path}</h3>
    <p>${operation.summary ?? ''}${operation.description === undefined ? '' : html`<br />${operation.description}`}</p>
    <p class="soft">Access: ${access.length === 0 ? 'open' : access.join(' or ')}</p>
    ${parameters.length === 0 ? '' : html`<table><tr><th>Parameter</th><th>Type</th><th></th></tr>${parameters}</table>`}
    ${operation.requestBody === undefined ? '' : html`<p>Body: ${bodyOf(operation.requestBody.content)}</p>`}
    <table><tr><th>Status</th><th>Meaning</th><th>Body</th></tr>${answers}</table>
  </section>`
}

/**
 * The OpenAPI document as one page: no script, no outside asset, so the page works offline and its policy can forbid
 * everything but its own style sheet.
 */
export function docsPage(spec: Spec): { readonly html: string; readonly policy: string } {
  const operations = Object.entries(spec.paths ?? {}).flatMap(([path, item]) =>
    Object.entries(item as Readonly<Record<string, Operation>>).map(([method, operation]) => ({ path, method, operation })),
  )
  const schemas = Object.entries(spec.components?.schemas ?? {}) as [string, Schema][]
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<title>${spec.info.title}</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<h1>${spec.info.title}</h1>
<p class="soft">Version ${spec.info.version}. The same as an OpenAPI document: <a href="/openapi.json">/openapi.json</a></p>
<p>${spec.info.description ?? ''}</p>
<nav><ul>${operations.map(
    ({ method, path, operation }) =>
      html`<li>${method.toUpperCase()} <a href="#${anchor(`${method}-${path}`)}">${path}</a> <span class="soft">${operation.summary ?? ''}</span></li>`,
  )}</ul></nav>
<h2>Calls</h2>
${operations.map(({ method, path, operation }) => operationOf(method, path, operation))}
<h2>Problems</h2>
<p>Every refusal and failure is <code>application/problem+json</code> (RFC 9457). Switch on <code>code</code>.</p>
<table>
<tr><th>code</th><th>Status</th><th>Meaning</th><th>Worth repeating</th></tr>
${PROBLEM_CODES.map((code) => {
  const { status, title, retryable } = PROBLEMS[code]
  return html`<tr id="problem-${code}"><td><code>${code}</code></td><td>${status}</td><td>${title}</td><td>${retryable ? 'yes' : 'no'}</td></tr>`
})}
</table>
<h2>Shapes</h2>
${schemas.map(
  ([name, schema]) =>
    html`<section id="schema-${name}"><h3>${name}</h3><p>${schema.description ?? ''}</p><div class="type">${typeOf(schema)}</div></section>`,
)}
</body>
</html>`
  const hash = createHash('sha256').update(STYLE).digest('base64')
  return {
    html: String(page),
    policy: `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  }
}
