import { type Metrics, STAGE_BUCKETS } from '../metrics.ts'

/**
 * What the time of a call for signatures goes to: making each request durable, the coordinator's answer to the call, verifying each
 * signature, and all of it.
 */
export type GatewayStage = 'book' | 'forward' | 'judge' | 'total'

export interface GatewayMetrics {
  readonly stage: (stage: GatewayStage, ms: number) => void
}

/** What a gateway measures beside its calls. Label values come from fixed lists. */
export function gatewayMetrics(metrics: Metrics): GatewayMetrics {
  const help = 'Where the time of a call for signatures goes'
  const stages = metrics.histogram('gateway_stage_seconds', help, ['stage'], STAGE_BUCKETS)
  return { stage: (stage, ms) => stages.observe({ stage }, ms / 1000) }
}
