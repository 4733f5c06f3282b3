import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { compileKernel, MODULE_FILE, moduleText } from './compile-kernel.ts'

const module = await compileKernel()
writeFileSync(MODULE_FILE, moduleText(module))
const digest = createHash('sha256').update(module).digest('hex')
process.stdout.write(`kernel-module.ts written; ${module.length} bytes, SHA-256 ${digest}: pin it in kernel-module.test.ts\n`)
