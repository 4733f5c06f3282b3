#!/usr/bin/env node
// Plain JavaScript for any Node >= 20: brings the dependencies and a Node >= 24, then hands over to src/host/main.ts there.
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { bringDependencies } from './dependencies.js'
import { findNode, runInNode } from './runtime.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const [command, ...rest] = process.argv.slice(2)

try {
  await bringDependencies(root, { development: command === 'check' || command === 'bench' })
  const node = findNode(root)
  if (command === 'check') {
    const { check } = await import('./check.js')
    process.exitCode = await check(root, node, rest)
  } else if (command === 'bench') {
    process.exitCode = await runInNode(node, [`${root}bench/main.ts`, ...rest])
  } else if (node === process.execPath) {
    // Same process: its pid is the host's, and a signal needs no forwarding.
    quietExperimentalWarnings()
    await import('../src/host/main.ts')
  } else {
    process.exitCode = await runInNode(node, [`${root}bin/quorate.js`, ...process.argv.slice(2)])
  }
} catch (error) {
  process.stderr.write(`quorate: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}

// node:sqlite announces itself as experimental on every start of Node 24. Other warnings stay visible.
function quietExperimentalWarnings() {
  process.removeAllListeners('warning')
  process.on('warning', (warning) => {
    if (warning.name !== 'ExperimentalWarning') process.stderr.write(`${warning.stack ?? warning}\n`)
  })
}
