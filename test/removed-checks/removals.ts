import { parseAst } from 'vitest/node'
import type { SourceFile } from '../architecture/source-files.ts'

/** The file with one check taken out of it. */
export interface Removal {
  readonly path: string
  readonly line: number
  /** The check, as the source has it, on one line: what a list of exceptions knows it by, since lines move. */
  readonly check: string
  readonly text: string
}

type Node = Readonly<Record<string, unknown>> & { readonly type: string; readonly start: number; readonly end: number }

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && 'type' in value
const childrenOf = (node: Node): readonly Node[] => Object.values(node).flat().filter(isNode)

/** `a`, `b` and `c` of `a || b || c`: a condition is as many checks as it has parts. */
const operandsOf = (node: Node, operator: '||' | '&&'): readonly Node[] =>
  node.type === 'LogicalExpression' && node['operator'] === operator
    ? [...operandsOf(node['left'] as Node, operator), ...operandsOf(node['right'] as Node, operator)]
    : [node]

/** A branch that leaves: by an exception, or by giving up with `false`, `null` or another early return. */
function leaves(node: unknown): boolean {
  if (!isNode(node)) return false
  if (node.type === 'BlockStatement') return leaves((node['body'] as readonly unknown[]).at(-1))
  return node.type === 'ThrowStatement' || node.type === 'ReturnStatement' || node.type === 'ContinueStatement'
}

interface Hole {
  readonly node: Node
  readonly by: string
}

/**
 * What counts as a check: every part of a condition under which code leaves early, every part of a returned conjunction, every
 * conditional whose one side throws or gives up, and every call of an `assert...`. Each removal takes away exactly one of them.
 */
function holesIn(node: Node): readonly Hole[] {
  const here: Hole[] = []
  if (node.type === 'IfStatement' && leaves(node['consequent'])) {
    for (const part of operandsOf(node['test'] as Node, '||')) here.push({ node: part, by: 'false' })
  }
  const result =
    node.type === 'ReturnStatement' ? node['argument'] : node.type === 'ArrowFunctionExpression' ? node['body'] : null
  if (isNode(result)) {
    const parts = operandsOf(result, '&&')
    if (parts.length > 1) for (const part of parts) here.push({ node: part, by: 'true' })
  }
  if (node.type === 'ExpressionStatement') {
    const expression = node['expression'] as Node
    const name = expression.type === 'CallExpression' ? (expression['callee'] as Node)['name'] : undefined
    if (typeof name === 'string' && /^assert[A-Z]/.test(name)) here.push({ node, by: '' })
  }
  return [...here, ...childrenOf(node).flatMap(holesIn)]
}

export function removalsOf({ path, text }: SourceFile): readonly Removal[] {
  return holesIn(parseAst(text, { lang: 'ts' }) as unknown as Node).map(({ node: { start, end }, by }) => ({
    path,
    line: text.slice(0, start).split('\n').length,
    check: text.slice(start, end).replaceAll(/\s+/g, ' '),
    text: `${text.slice(0, start)}${by}${text.slice(end)}`,
  }))
}
