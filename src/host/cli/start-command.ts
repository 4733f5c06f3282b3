import { command } from './command.ts'
import { demonstrate } from './demo.ts'
import { DEV_OPTIONS, devSettings } from './dev-command.ts'
import { connectedSigners } from './dev-ready.ts'
import { type RunningSet, say, shownPath, withDevSet } from './dev-run.ts'
import { shellWord } from './shell.ts'

export const startCommand = command({
  name: 'start',
  about: 'Starts a set on this machine, signs with a key of each scheme, verifies, and stays up until Ctrl-C.',
  options: { ...DEV_OPTIONS, once: { about: 'end after the demonstration' } },
  run: (given) =>
    withDevSet(devSettings(given), async (running) => {
      const ecdsaKey = await show(running)
      if (given.once) return 0
      console.log(`\nAsk for a signature:\n\n${curlLine(running, ecdsaKey)}\n\nCtrl-C stops all.`)
      say(`stopping (${await running.stopped})`)
      return 0
    }),
})

/** @returns the id of the ECDSA key. */
async function show({ set, state, api }: RunningSet): Promise<string> {
  const curves = [...new Set(state.signers.map((signer) => signer.curve ?? 'unknown'))].join(', ')
  console.log(`
Platform     ${process.platform} ${process.arch}, Node ${process.versions.node}, ${curves} curves
Set          signers connected ${connectedSigners(state)}/${set.parties}, threshold ${set.threshold}/${set.parties}
Gateway      ${set.gateway.url}  (API; documentation at ${set.gateway.url}/docs)
Coordinator  ${set.coordinator.url}
Signers      ${set.signers.map((signer) => signer.url).join('  ')}
Files        ${shownPath(set.dataDir)}
`)
  let ecdsaKey = ''
  for await (const shown of demonstrate(api, set.threshold)) {
    const { scheme, keyId, publicKey, signature, engine, signers, milliseconds, isNewKey } = shown
    if (scheme === 'ecdsa-secp256k1') ecdsaKey = keyId
    console.log(`${scheme}
  ${isNewKey ? 'new key   ' : 'key       '}${keyId}
  public    ${publicKey}
  signature ${signature}
  verified; engine ${engine}, signers ${signers.join(', ')}, ${milliseconds.toFixed(1)} ms`)
  }
  return ecdsaKey
}

/** With absolute paths: it works in another terminal, wherever that is. */
function curlLine({ set }: RunningSet, keyId: string): string {
  const body = { key_id: keyId, payload: { kind: 'message', bytes: '0x68656c6c6f', hash: 'keccak256' } }
  return [
    `curl --cacert ${shellWord(set.caFile)}`,
    `-H "Authorization: Bearer $(cat ${shellWord(set.tokenFile)})"`,
    "-H 'Content-Type: application/json'",
    `-d ${shellWord(JSON.stringify(body))}`,
    `${set.gateway.url}/api/v1/sign`,
  ].join(' ')
}
