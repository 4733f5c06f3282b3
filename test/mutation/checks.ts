import { parseAst } from 'vitest/node'

/** One check taken out: the source between `start` and `end` becomes `replacement`. */
export interface Mutant {
  readonly line: number
  readonly start: number
  readonly end: number
  readonly was: string
  readonly replacement: string
}

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && 'type' in value

const childrenOf = (node: Node): readonly Node[] => Object.values(node).flat().filter(isNode)

/** Functions of this code base that do nothing but throw, or throw unless their argument is right. */
const REFUSES = /^(?:refuse|fail|bad|malformed|invalid|reject|assert[A-Z]\w*|check[A-Z]\w*|exactly[A-Z]\w*)$/

function calleeOf(node: unknown): string {
  if (!isNode(node) || node.type !== 'CallExpression' || !isNode(node['callee'])) return ''
  const callee = node['callee']
  const name = callee.type === 'MemberExpression' ? callee['property'] : callee
  return isNode(name) && typeof name['name'] === 'string' ? name['name'] : ''
}

/** An expression that stands for "no": null, false, undefined, nothing at all, a fault or its code, a failed outcome, a call that throws. */
function isNo(node: unknown, source: string): boolean {
  if (!isNode(node)) return true
  const text = source.slice(node.start, node.end)
  if (node.type === 'Literal') return /^(?:null|false|'[A-Z]+_[A-Z_]+')$/.test(text)
  if (node.type === 'Identifier')
    return text === 'undefined' || new RegExp(`const ${text} = new \\w*(?:Fault|Error)\\(`).test(source)
  if (node.type === 'NewExpression') return /^new \w*(?:Fault|Error)\(/.test(text)
  if (node.type === 'ObjectExpression') return /^\{\s*(?:ok: false|type: '(?:failed|refused)')/.test(text)
  return REFUSES.test(calleeOf(node))
}

const ACCUSES = /^(?:culprits|equivocators|falsePrev)\.(?:push|add)\(|type: 'failed'/

/** A statement that ends what it stands in with a "no", or records one. */
function leaves(node: unknown, source: string): boolean {
  if (!isNode(node)) return false
  if (node.type === 'BlockStatement') return leaves((node['body'] as readonly Node[]).at(-1), source)
  if (node.type === 'ReturnStatement') return isNo(node['argument'], source)
  if (node.type === 'ExpressionStatement') {
    return REFUSES.test(calleeOf(node['expression'])) || ACCUSES.test(source.slice(node.start, node.end))
  }
  return node.type === 'ThrowStatement' || node.type === 'ContinueStatement'
}

/** `if (verified) return the good outcome`. */
const succeeds = (node: unknown, source: string): boolean =>
  isNode(node) && /^\{?\s*return \{\s*type: 'signed'/.test(source.slice(node.start, node.end))

/**
 * Every check of a file: each alternative of the condition of a guard (`if (a || b) throw`, `c ? x : null`), each part of what a
 * boolean function returns, each statement that throws by itself, each call of an assertion, each `blame`.
 * Not seen, because they are no conditions: bounds and lengths in a codec's description, and decoding as such.
 */
export function mutantsOf(source: string): readonly Mutant[] {
  const found = new Map<string, Mutant>()
  const add = (node: Pick<Node, 'start' | 'end'>, replacement: string): void => {
    const line = source.slice(0, node.start).split('\n').length
    const was = source.slice(node.start, node.end).replace(/\s+/g, ' ')
    found.set(`${node.start}-${node.end}`, { line, start: node.start, end: node.end, was, replacement })
  }

  /** Takes out each part of a condition that must come out as `passes` for the code to go on. */
  function conditions(test: Node, passes: boolean): void {
    if (test.type === 'LogicalExpression' && test['operator'] === (passes ? '&&' : '||')) {
      conditions(test['left'] as Node, passes)
      conditions(test['right'] as Node, passes)
    } else if (test.type === 'UnaryExpression' && test['operator'] === '!') conditions(test['argument'] as Node, !passes)
    else if (test.type === 'ParenthesizedExpression') conditions(test['expression'] as Node, passes)
    else if (test.type !== 'Literal') add(test, String(passes))
    else if (test['value'] === !passes) add(test, String(passes))
  }

  function visit(node: Node, guarded: boolean, boolean: boolean): void {
    const guard = node.type === 'IfStatement' && leaves(node['consequent'], source)
    if (guard || (node.type === 'IfStatement' && succeeds(node['consequent'], source))) {
      conditions(node['test'] as Node, !guard)
      visit(node['test'] as Node, false, boolean)
      visit(node['consequent'] as Node, guard, boolean)
      if (isNode(node['alternate'])) visit(node['alternate'], false, boolean)
      return
    }
    if (node.type === 'ConditionalExpression') {
      if (isNo(node['consequent'], source)) conditions(node['test'] as Node, false)
      else if (isNo(node['alternate'], source)) conditions(node['test'] as Node, true)
    }
    if (!guarded && node.type === 'ThrowStatement') add(node, ';')
    if (!guarded && node.type === 'ExpressionStatement' && REFUSES.test(calleeOf(node['expression']))) add(node, ';')
    const result =
      node.type === 'ReturnStatement' ? node['argument'] : node.type === 'ArrowFunctionExpression' ? node['body'] : null
    if (isNode(result) && result.type === 'LogicalExpression' && result['operator'] === '&&') conditions(result, true)
    else if (!guarded && boolean && node.type === 'ReturnStatement' && isNode(result)) conditions(result, true)
    if (calleeOf(node) === 'blame') add(node['callee'] as Node, '((_from, _code, check) => check())')
    if (node.type === 'LogicalExpression' && node['operator'] === '??' && REFUSES.test(calleeOf(node['right']))) {
      add(node, source.slice((node['left'] as Node).start, (node['left'] as Node).end))
    }
    const quantifier = calleeOf(node)
    if (quantifier === 'every' || quantifier === 'some') {
      const [callback] = node['arguments'] as readonly Node[]
      const body = callback?.['body']
      if (isNode(body) && body.type === 'LogicalExpression') conditions(body, quantifier === 'every')
    }
    let inside = boolean
    if (/Function/.test(node.type)) {
      const annotation = (node['returnType'] as Node | null)?.['typeAnnotation']
      inside = isNode(annotation) && /^TS(?:BooleanKeyword|TypePredicate)$/.test(annotation.type)
      const body = node['body']
      if (inside && isNode(body) && body.type !== 'BlockStatement') conditions(body, true)
    }
    const block = node.type === 'BlockStatement' ? (node['body'] as readonly Node[]) : []
    for (const child of childrenOf(node)) visit(child, guarded && child === block.at(-1), inside)
  }

  visit(parseAst(source, { lang: 'ts' }) as unknown as Node, false, false)
  return [...found.values()].sort((a, b) => a.start - b.start || a.end - b.end)
}

export const applied = (source: string, m: Mutant): string => source.slice(0, m.start) + m.replacement + source.slice(m.end)
