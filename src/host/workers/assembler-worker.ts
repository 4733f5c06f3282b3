import { AssemblerActor } from '../../actors/assembler-actor.ts'
import { serveActor } from '../../actors/worker-entry.ts'
import { selectCurves } from '../curve/select-curves.ts'

/** A coordinator's worker: combines and verifies; holds no secret. */
export default serveActor((data) => {
  const { curve } = data as { readonly curve: 'native' | 'noble' }
  return new AssemblerActor(selectCurves(curve), () => performance.now())
})
