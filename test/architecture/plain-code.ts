/**
 * TypeScript without comments, and with every text and regular expression emptied; code inside `${}` stays. Line breaks stay, so that line
 * numbers hold. Enough of a scanner for the rules of this folder, and no more.
 */
export function plainCode(text: string): string {
  return scan(text, 0, false).out
}

/** Before these a slash begins a regular expression; after a name, a number or a closing bracket it divides. */
const BEFORE_REGEX = /(?:^|[([{,;=:!&|?+\-*%<>~^]|\breturn|\btypeof|\bcase|\bof|\bin)\s*$/

function scan(text: string, from: number, inTemplate: boolean): { readonly out: string; readonly end: number } {
  let out = ''
  let depth = 0
  let at = from
  while (at < text.length) {
    const rest = text.slice(at)
    const char = text[at] as string
    if (inTemplate && char === '}' && depth === 0) return { out, end: at + 1 }
    if (char === '{') depth += 1
    if (char === '}') depth -= 1
    const comment = /^(?:\/\/[^\n]*|\/\*[\s\S]*?\*\/)/.exec(rest)?.[0]
    const quoted = /^(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")/.exec(rest)?.[0]
    const regex = BEFORE_REGEX.test(out.slice(-12))
      ? /^\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/.exec(rest)?.[0]
      : undefined
    if (comment !== undefined) {
      out += comment.replaceAll(/[^\n]/g, '')
      at += comment.length
    } else if (quoted !== undefined || regex !== undefined) {
      out += quoted === undefined ? '/ /' : "''"
      at += (quoted ?? regex ?? '').length
    } else if (char === '`') {
      const template = scanTemplate(text, at + 1)
      out += template.out
      at = template.end
    } else {
      out += char
      at += 1
    }
  }
  return { out, end: at }
}

function scanTemplate(text: string, from: number): { readonly out: string; readonly end: number } {
  let out = '`'
  let at = from
  while (at < text.length && text[at] !== '`') {
    if (text[at] === '\\') at += 2
    else if (text.startsWith('${', at)) {
      const inner = scan(text, at + 2, true)
      out += `\${${inner.out}}`
      at = inner.end
    } else {
      if (text[at] === '\n') out += '\n'
      at += 1
    }
  }
  return { out: `${out}\``, end: at + 1 }
}

/** What a file imports: static, dynamic, re-exported, types too, and files named by `new URL('./x.ts', import.meta.url)`. */
export function importsOf(text: string): readonly string[] {
  const withoutComments = text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/[^\n]*/g, '$1')
  const found = [
    ...withoutComments.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/g),
    ...withoutComments.matchAll(/new URL\(\s*'(\.[^']+\.ts)',\s*import\.meta\.url/g),
  ]
  return found.map((match) => match[1] as string)
}
