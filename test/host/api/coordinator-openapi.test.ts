import { describe, expect, it } from 'vitest'
import { createCoordinatorApp } from '../../../src/host/api/coordinator-app.ts'
import { createMetrics } from '../../../src/host/metrics.ts'
import { nativeCurves } from '../../simulator/world.ts'
import { expectSelfContainedPage, expectSoundDocument, operationsOf, routesOf, specOf } from './openapi.ts'
import { logSink } from './requests.ts'
import { wholeKeySet } from './whole-key-set.ts'

const app = createCoordinatorApp({
  service: wholeKeySet([]).service,
  curves: nativeCurves,
  clientOf: () => null,
  metrics: createMetrics({ role: 'coordinator', name: 'test' }),
  log: logSink().log,
  info: { role: 'coordinator', version: '1.2.3', platform: 'test' },
})

describe('the coordinator’s OpenAPI document', () => {
  it('describes every route and no other', async () => {
    const spec = await specOf(app)
    expect(operationsOf(spec).sort()).toEqual(routesOf(app).sort())
    expect(operationsOf(spec)).toEqual([
      'POST /api/v1/keys',
      'GET /api/v1/keys',
      'GET /api/v1/keys/{id}',
      'PATCH /api/v1/keys/{id}',
      'POST /api/v1/keys/{id}/freeze',
      'POST /api/v1/keys/{id}/unfreeze',
      'POST /api/v1/keys/{id}/archive',
      'POST /api/v1/sign',
      'POST /api/v1/sign/batch',
      'GET /api/v1/signatures/{id}',
      'GET /api/v1/sessions/{id}',
      'POST /api/v1/verify',
      'GET /api/v1/set',
      'GET /health',
      'GET /ready',
      'GET /metrics',
      'GET /openapi.json',
      'GET /docs',
    ])
  })

  it('is sound and has the shapes that validate at run time', async () => {
    const spec = await specOf(app)
    expectSoundDocument(spec, ['mutualTLS'])
    expect(spec.info.version).toBe('1.2.3')
    expect(spec.components.schemas).toMatchObject({
      SignedRequest: { additionalProperties: false, required: ['request', 'authorizations'] },
      SignedBatch: {
        properties: { items: { items: { $ref: '#/components/schemas/SignedRequest' }, minItems: 1, maxItems: 256 } },
      },
      Key: { additionalProperties: false },
    })
  })

  it('is a page for people at /docs', () => expectSelfContainedPage(app))
})
