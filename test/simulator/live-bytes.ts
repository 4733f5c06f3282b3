import { Session } from 'node:inspector'

interface Remote {
  readonly objectId: string
}

/**
 * Looks for byte patterns in everything alive in this thread: whole stores behind every typed array and Buffer (pools included) and every
 * WebAssembly memory. V8 collects garbage first, so what it finds is reachable from somewhere, whoever holds it. It does not see what was
 * freed, strings, BigInts, and memory of native libraries.
 *
 * @param patterns by name, in hex: as bytes they would find themselves.
 * @returns the names of patterns that are there, each once.
 */
export function findLive(patterns: ReadonlyMap<string, string>): readonly string[] {
  const session = new Session()
  session.connect()
  try {
    const post = <T>(method: string, params: object): T => {
      let answer: { readonly error: unknown; readonly result: unknown } | undefined
      session.post(method, params, (error: unknown, result: unknown) => {
        answer = { error, result }
      })
      if (answer === undefined || answer.error !== null) throw new Error(`${method} failed`)
      return answer.result as T
    }
    const objectsOf = (prototype: string): Remote => {
      const { result } = post<{ result: Remote }>('Runtime.evaluate', { expression: prototype })
      return post<{ objects: Remote }>('Runtime.queryObjects', { prototypeObjectId: result.objectId }).objects
    }
    const views = objectsOf('Object.getPrototypeOf(Uint8Array.prototype)')
    const memories = objectsOf('WebAssembly.Memory.prototype')
    const search = `function (memories, json) {
      const stores = new Set(memories.filter((memory) => memory !== WebAssembly.Memory.prototype).map((memory) => memory.buffer))
      for (const view of this) if (ArrayBuffer.isView(view)) stores.add(view.buffer)
      const found = new Set()
      const patterns = JSON.parse(json)
      const needles = patterns.map(([, hex]) => Buffer.alloc(hex.length / 2).fill(hex, 'hex')) // not from the pool, where they would stay
      for (const store of stores) {
        const haystack = Buffer.from(store)
        needles.forEach((needle, i) => {
          if (haystack.includes(needle)) found.add(patterns[i][0])
        })
      }
      for (const needle of needles) needle.fill(0)
      return JSON.stringify([...found])
    }`
    const { result, exceptionDetails } = post<{ result: { value: string }; exceptionDetails?: object }>(
      'Runtime.callFunctionOn',
      {
        functionDeclaration: search,
        objectId: views.objectId,
        arguments: [{ objectId: memories.objectId }, { value: JSON.stringify([...patterns]) }],
        returnByValue: true,
      },
    )
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails))
    return JSON.parse(result.value) as string[]
  } finally {
    session.disconnect()
  }
}
