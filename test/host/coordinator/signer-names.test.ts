import { describe, expect, it } from 'vitest'
import type { SignerAddress } from '../../../src/host/config/roster-file.ts'
import { signerNames } from '../../../src/host/coordinator/signer-names.ts'

describe('U-04 signers in answers', () => {
  const addresses = (list: readonly (readonly [number, string])[]): readonly SignerAddress[] =>
    list.map(([index, name]) => ({ index, name }) as SignerAddress)

  it('go by the names of the roster, found by index and not by place', () => {
    const names = signerNames(
      addresses([
        [7, 'frankfurt'],
        [2, 'oslo'],
        [300, 'signer-1'],
      ]),
    )
    expect(names.of([2, 300, 7])).toEqual(['oslo', 'signer-1', 'frankfurt'])
    expect(names.of([])).toEqual([])
  })

  it('that no roster knows are named by their index, never by somebody else’s name', () => {
    expect(signerNames(addresses([[2, 'oslo']])).of([1, 2])).toEqual(['signer 1', 'oslo'])
  })
})
