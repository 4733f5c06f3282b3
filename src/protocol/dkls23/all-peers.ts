import { Fault, type FaultCode, VERDICTS } from '../engine/fault.ts'

/** Codes whose culprits get banned, in the order of the checks. */
const BANS = (Object.keys(VERDICTS) as FaultCode[]).filter((code) => VERDICTS[code] === 'ban')

/**
 * Makes a step's checks for every peer before acting on any of them (protocols.md 6.4): a peer that fails must not hide that another one
 * failed too. Each peer's result, in the order of `peers`.
 * @throws Fault of the failed checks. One that bans goes before any other, whoever failed the other: its culprit was told bits of a secret
 * and must not have a second try. It names all who failed one that bans.
 */
export function ofAllPeers<P, T>(peers: readonly P[], check: (peer: P) => T): readonly T[] {
  const passed: T[] = []
  const faults: Fault[] = []
  for (const peer of peers) {
    try {
      passed.push(check(peer))
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      faults.push(error)
    }
  }
  const [first] = faults
  if (first === undefined) return passed
  const code = BANS.find((ban) => faults.some((fault) => fault.code === ban)) ?? first.code
  const together = BANS.includes(code) ? BANS : [code]
  throw new Fault(
    code,
    faults.filter((fault) => together.includes(fault.code)).flatMap((fault) => fault.culprits),
    faults.map(({ message, detail }) => `${message} ${detail}`.trim()).join('; '),
  )
}
