import { describe, expect, it } from 'vitest'
import { expectSelfContainedPage, expectSoundDocument, operationsOf, routesOf, specOf } from '../api/openapi.ts'
import { gateway } from './harness.ts'

const g = gateway()

describe('the gateway’s OpenAPI document', () => {
  it('describes every route and no other', async () => {
    const operations = operationsOf(await specOf(g.app))
    expect(operations.sort()).toEqual(routesOf(g.app).sort())
    expect(operations).toHaveLength(20)
  })

  it('is sound and has the plain forms', async () => {
    const spec = await specOf(g.app)
    expectSoundDocument(spec, ['bearer', 'mutualTLS'])
    expect(spec.components.schemas).toMatchObject({
      SignRequest: { additionalProperties: false, required: ['key_id', 'payload'] },
      KeyRequest: { additionalProperties: false, required: ['scheme'] },
      SignBatchRequest: {
        properties: { items: { items: { $ref: '#/components/schemas/SignRequest' }, minItems: 1, maxItems: 256 } },
      },
    })
    expect(spec.components.schemas).not.toHaveProperty('SignedRequest')
    expect(spec.paths['/api/v1/sign']?.['post']?.security).toEqual([{ bearer: ['sign'] }, { mutualTLS: ['sign'] }])
  })

  it('is a page for people at /docs', () => expectSelfContainedPage(g.app))
})
