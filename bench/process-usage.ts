import { readFileSync } from 'node:fs'

/** Linux counts processor time in hundredths of a second, on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100
const AFTER_NAME = 2

export interface Usage {
  /** Processor seconds since the process began, all threads, user and system. */
  readonly cpu: number
  /** Of its main thread alone: what is left for it is what limits a host with idle cores. */
  readonly mainCpu: number
  /** Largest resident memory so far, MiB. */
  readonly peakMib: number
  /** Resident now, MiB. */
  readonly rssMib: number
}

/** undefined where there is no /proc, or no such process any more. */
export function usageOf(pid: number): Usage | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    return {
      cpu: cpuSeconds(`/proc/${pid}/stat`),
      mainCpu: cpuSeconds(`/proc/${pid}/task/${pid}/stat`),
      peakMib: Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) / 1024,
      rssMib: Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) / 1024,
    }
  } catch {
    return undefined
  }
}

/** Fields 14 and 15, counted behind the name, which may hold spaces and brackets itself. */
function cpuSeconds(file: string): number {
  const text = readFileSync(file, 'latin1')
  const fields = text.slice(text.lastIndexOf(')') + AFTER_NAME).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}
