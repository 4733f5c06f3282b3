import { serveActor } from '../src/actors/worker-entry.ts'

/** A worker that does nothing: what remains is the cost of the way to it and back. */
export default serveActor(() => ({ call: (bytes) => bytes }))
