import { z } from '@hono/zod-openapi'
import { Key } from './schemas.ts'

/** What both applications say of the routes of a key. */

export const KeyReadHeaders = z.object({
  'If-None-Match': z.string().optional().openapi({ description: 'An ETag: 304 while the key is still like that' }),
})

export const KEY_ANSWERS = {
  200: { description: 'The key', schema: Key, headers: { ETag: 'Its revision, for If-Match and If-None-Match' } },
  304: { description: 'The caller has it already' },
}

/** Calls that change what signers do with a key. */
export const KEY_ACTIONS = [
  {
    action: 'freeze',
    summary: 'Freeze a key',
    description:
      'Answers when every signer has stored that it takes part for this key no more. Otherwise 503: some may have it, and those that were away get it when they are back, while the request is valid.',
  },
  {
    action: 'unfreeze',
    summary: 'Unfreeze a key',
    description: 'Answers when every signer has stored that it takes part again.',
  },
  {
    action: 'archive',
    summary: 'Archive a key',
    description: 'As freezing, for ever: nothing changes an archived key, and lists leave it out unless asked.',
  },
] as const
