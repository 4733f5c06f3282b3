import { BOOT_NONCE, PROTOCOLS, type ProtocolName, type Setup, SUITES, type Suite } from '../channel/setup.ts'
import { bytes, list, type Shape, struct, uint } from '../engine/codec.ts'
import { MAX_PARTIES } from '../engine/party.ts'

const FIELDS = struct({
  protocol: uint(255),
  suite: uint(65535),
  keyId: bytes(32),
  epoch: uint(2 ** 32 - 1),
  rosterHash: bytes(32),
  threshold: uint(MAX_PARTIES),
  signers: list(uint(65534), MAX_PARTIES),
  boots: list(bytes(BOOT_NONCE), MAX_PARTIES),
  deadline: uint(Number.MAX_SAFE_INTEGER),
  coordinatorNonce: bytes(32),
})

/** A session's set-up without its purpose, which every signer derives itself. */
export type SetupFields = Omit<Setup, 'purpose'>

const nameOf = <T extends string>(table: Readonly<Record<T, number>>, number: number): T => {
  const found = (Object.keys(table) as T[]).find((name) => table[name] === number)
  if (found === undefined) throw new RangeError('unknown protocol or suite number')
  return found
}

export const setupShape: Shape<SetupFields> = {
  form: FIELDS.form,
  parse: (value) => {
    const f = FIELDS.parse(value)
    return { ...f, protocol: nameOf<ProtocolName>(PROTOCOLS, f.protocol), suite: nameOf<Suite>(SUITES, f.suite) }
  },
  plain: (s) => FIELDS.plain({ ...s, protocol: PROTOCOLS[s.protocol], suite: SUITES[s.suite] }),
}
