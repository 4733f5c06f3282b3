import type { FuzzTarget } from './target.ts'

interface Opened {
  readonly open: () => FuzzTarget | Promise<FuzzTarget>
}

/** Every surface that takes bytes of others, the most exposed ones first. */
const TARGETS = {
  'coordinator-http': () => import('./targets/coordinator-http.ts'),
  'gateway-http': () => import('./targets/gateway-http.ts'),
  document: () => import('./targets/document.ts'),
  authorize: () => import('./targets/authorize.ts'),
  'crypto-actor': () => import('./targets/crypto-actor.ts'),
  'signer-routes': () => import('./targets/signer-routes.ts'),
  'signer-replies': () => import('./targets/signer-replies.ts'),
  envelope: () => import('./targets/envelope.ts'),
  frames: () => import('./targets/frames.ts'),
  'session-bytes': () => import('./targets/session-bytes.ts'),
  'dkg-message': () => import('./targets/dkg-message.ts'),
  'dkg-run': () => import('./targets/dkg-run.ts'),
  'dkg-complaint': () => import('./targets/dkg-complaint.ts'),
  prss: () => import('./targets/prss.ts'),
  'hm-points': () => import('./targets/hm-points.ts'),
  'hm-answers': () => import('./targets/hm-answers.ts'),
  'frost-commitments': () => import('./targets/frost-commitments.ts'),
  'frost-answers': () => import('./targets/frost-answers.ts'),
  pair: () => import('./targets/pair.ts'),
  rvole: () => import('./targets/rvole.ts'),
  views: () => import('./targets/views.ts'),
  curves: () => import('./targets/curves.ts'),
  'config-files': () => import('./targets/config-files.ts'),
  'stored-view': () => import('./targets/stored-view.ts'),
} satisfies Readonly<Record<string, () => Promise<Opened>>>

export type TargetName = keyof typeof TARGETS

export const TARGET_NAMES = Object.keys(TARGETS) as readonly TargetName[]

export const isTarget = (name: string | undefined): name is TargetName => name !== undefined && Object.hasOwn(TARGETS, name)

/** @param name of a target, or the URL of a module that has an `open` like theirs. */
export async function openTarget(name: string): Promise<FuzzTarget> {
  const loaded: Opened = isTarget(name) ? await TARGETS[name]() : await import(name)
  return await loaded.open()
}
