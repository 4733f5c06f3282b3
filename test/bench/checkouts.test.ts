import { expect, it } from 'vitest'
import { checkoutOf, HERE } from '../../bench/checkouts.ts'

it('takes a directory with a checkout as it is, and nothing that is neither one nor a commit', () => {
  expect(checkoutOf(HERE)).toMatchObject({ root: HERE.replace(/\/$/, ''), name: expect.stringContaining(HERE) })
  for (const wanted of ['no-such-commit', '/', '--output=x', 'HEAD --']) {
    expect(() => checkoutOf(wanted)).toThrow('neither a directory with a checkout nor a commit')
  }
})
