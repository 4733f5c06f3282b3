import { runProgram } from './cli/program.ts'

const code = await runProgram(process.argv.slice(2))
// Whatever is still open (an idle connection, a watcher) must not keep a finished command alive; written text must get out.
process.stdout.write('', () => process.exit(code))
