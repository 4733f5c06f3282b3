export type StopReason = NodeJS.Signals | 'parent'

/**
 * Resolves when this process is asked to end: by a signal, or because whoever started it is gone. Called once per process; the
 * handlers stay, so that a second Ctrl-C (a terminal signals the whole group, and a parent passes its signal on) does not cut
 * the closing short.
 */
export function stopRequest(): Promise<StopReason> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve(signal))
    // Started by bin/quorate.js or `quorate dev`, which hold the other end of an IPC channel: it breaks when they die, also by
    // SIGKILL. Without this their hosts would live on with ports and databases taken.
    if (process.send === undefined) return
    process.on('disconnect', () => resolve('parent'))
    // A listener makes the channel keep the process alive; a command that has ended must not wait for its parent.
    process.channel?.unref()
    // It died while this program was still loading.
    if (!process.connected) resolve('parent')
  })
}

/** Whether `work` ended in time. A rejection counts as ended; it is for the caller of `work` to log. */
export async function within(milliseconds: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), milliseconds)
  })
  try {
    return await Promise.race([work.then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}
