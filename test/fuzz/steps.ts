import { bytes, message, uint } from '../../src/protocol/engine/codec.ts'
import { ROUTES, type Route } from '../../src/protocol/frames/signer-frames.ts'

/** One call of the coordinator to a signer. */
export interface Step {
  readonly route: Route
  /** Seconds that have passed since the step before. */
  readonly later: number
  readonly frame: Uint8Array
}

const NAMES = Object.keys(ROUTES) as Route[]
const STEP = message({ route: uint(NAMES.length - 1), later: uint(200), frame: bytes({ max: 1 << 18 }) }, 1 << 19)

export const packStep = ({ route, later, frame }: Step): Uint8Array => STEP.encode({ route: NAMES.indexOf(route), later, frame })

/** Any bytes are a step: what is none is a frame that opens a signing session. */
export function unpackStep(part: Uint8Array): Step {
  try {
    const { route, later, frame } = STEP.decode(part)
    return { route: NAMES[route] as Route, later, frame }
  } catch {
    return { route: 'openSigning', later: 0, frame: part }
  }
}
