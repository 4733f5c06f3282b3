import { parseAst } from 'vitest/node'
import type { SourceFile } from '../architecture/source-files.ts'

/** One `it`, `test` or `describe` as the source has it; `within` are the titles of the describes around it. */
export interface Title {
  readonly path: string
  readonly kind: 'test' | 'group'
  readonly text: string
  readonly within: readonly string[]
}

type Node = Readonly<Record<string, unknown>> & { readonly type: string }

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && 'type' in value
const childrenOf = (node: Node): readonly Node[] => Object.values(node).flat().filter(isNode)

/** `it` of `it(…)`, `it.each(…)(…)`, `it.skipIf(…)(…)` and so on. */
function callee(node: unknown): string {
  if (!isNode(node)) return ''
  if (node.type === 'Identifier') return String(node['name'])
  return callee(node['object'] ?? node['callee'] ?? node['tag'])
}

/** A text as far as the source fixes it: what a template puts in becomes `…`. */
function textOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined
  if (node.type === 'Literal' && typeof node['value'] === 'string') return node['value']
  if (node.type !== 'TemplateLiteral') return undefined
  const parts = node['quasis'] as readonly { readonly value: { readonly cooked: string } }[]
  return parts.map(({ value }) => value.cooked).join('…')
}

/** Read from the source and not from a run, so that the table is the same on every machine and costs no test run. */
export function titlesIn({ path, text }: SourceFile): readonly Title[] {
  const found: Title[] = []
  const visit = (node: Node, within: readonly string[]): void => {
    const name = node.type === 'CallExpression' ? callee(node['callee']) : ''
    const title = textOf((node['arguments'] as readonly unknown[] | undefined)?.[0])
    if (title !== undefined && (name === 'it' || name === 'test' || name === 'describe')) {
      found.push({ path, kind: name === 'describe' ? 'group' : 'test', text: title, within })
      for (const child of childrenOf(node)) visit(child, name === 'describe' ? [...within, title] : within)
    } else {
      for (const child of childrenOf(node)) visit(child, within)
    }
  }
  visit(parseAst(text, { lang: 'ts' }) as unknown as Node, [])
  return found
}
