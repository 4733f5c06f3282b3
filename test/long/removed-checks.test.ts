import { availableParallelism } from 'node:os'
import { afterAll, describe, expect, it } from 'vitest'
import { sourceFiles } from '../architecture/source-files.ts'
import { AlteredTree } from '../removed-checks/altered-tree.ts'
import { REDUNDANT } from '../removed-checks/redundant.ts'
import { removalsOf } from '../removed-checks/removals.ts'

const LONGEST_MS = 4 * 60 * 60_000

describe('Z-00 no check of the protocols can be taken out without a failing test', () => {
  const trees: AlteredTree[] = []
  afterAll(() => {
    for (const tree of trees) tree.remove()
  })

  it(
    'one at a time; those that are redundant are listed, and only those',
    async () => {
      const first = new AlteredTree()
      trees.push(first)
      const order = await first.passes()
      if (order === null) throw new Error('with all checks in, the tests fail')
      for (let i = 0; i < Math.min(4, availableParallelism()); i++) trees.push(new AlteredTree(order))
      const waiting = sourceFiles('src/protocol/**/*.ts').flatMap((file) =>
        removalsOf(file).map((removal) => ({ file, removal })),
      )
      const unnoticed: string[] = []
      const work = async (tree: AlteredTree): Promise<void> => {
        for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
          const { removal, file } = next
          if (!(await tree.notices(removal, file))) unnoticed.push(`${removal.path}: ${removal.check}`)
        }
      }
      await Promise.all(trees.slice(1).map(work))
      expect(unnoticed.sort()).toEqual(REDUNDANT.map(({ path, check }) => `${path}: ${check}`).sort())
    },
    LONGEST_MS,
  )
})
