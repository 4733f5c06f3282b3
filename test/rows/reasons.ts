import type { RowId } from './table.ts'

const NO_PRESIGNATURES =
  'There are no presignatures: a nonce point is made after the request is known, in the session that uses it.'
const NO_RESHARE = 'There is neither refresh nor reshare yet: a key has one epoch for life.'

/** Rows that no test can have, because the thing attacked does not exist. A row of something that exists has a test instead. */
export const REASONS: Partial<Readonly<Record<RowId, string>>> = {
  'Z-08': 'There are no Fischlin proofs; the proofs of knowledge are Schnorr proofs with one fixed-width challenge.',
  'S-03': NO_PRESIGNATURES,
  'S-12': NO_PRESIGNATURES,
  'S-15': NO_PRESIGNATURES,
  'S-16': NO_PRESIGNATURES,
  'F-13': NO_RESHARE,
  'T-12':
    'No session state is saved or exported: a session lives in the memory of one process, counts its own rounds and ends with it.',
  '14.3 trees': 'There are no trees: k = 1, so each base OT gives its two seeds by itself.',
  '14.5 presignature': NO_PRESIGNATURES,
  '14.6 tweak': 'Keys sign as they are: there is no tweak until derivation exists.',
  '14.2 refresh C': NO_RESHARE,
  '14.2 refresh t': NO_RESHARE,
  '14.2 reshare C': NO_RESHARE,
  '14.2 reshare crash': NO_RESHARE,
  'hm 7.5 blame': 'There is no blame protocol: a failed session names nobody beyond what a share’s own encoding convicts.',
}

/** Whole groups of the two lists whose subject does not exist; they get rows when it does. */
export const ABSENT_GROUPS: readonly { readonly rows: string; readonly about: string; readonly why: string }[] = [
  { rows: 'R-01 to R-13', about: 'refresh, reshare, backup, import, export', why: NO_RESHARE },
  {
    rows: 'H-01 to H-06',
    about: 'derivation of child keys',
    why: 'Only the path "m" is accepted; every other is refused as unsupported (tested with request documents).',
  },
  { rows: 'X-01 to X-07', about: 'Paillier encryption', why: 'Nothing here uses it, and no key can be imported.' },
]
