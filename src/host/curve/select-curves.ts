import type { Curves } from '../../protocol/curve/curves.ts'
import { nobleCurves } from '../../protocol/curve/noble-curves.ts'
import { loadNativeCurves } from './native-curves.ts'

/**
 * The back end that the configuration names. There is no fallback: a host that asked for constant-time code does not run
 * without it (decisions.md 23). @throws Error when `native` is asked for and a binding does not load.
 */
export function selectCurves(choice: 'native' | 'noble'): Curves {
  if (choice === 'noble') return nobleCurves
  try {
    return loadNativeCurves()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(
      `${reason}. Reinstall dependencies for this platform, or configure curve=noble: pure JavaScript, some 20 times slower and not constant-time`,
      { cause },
    )
  }
}
