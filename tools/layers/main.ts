/** `node tools/layers/main.ts`: prints what breaks the law of imports, one line each; exit code 1 when there is any. */
import { check } from './check.ts'

const problems = check(process.cwd())
for (const { file, line, message } of problems) console.log(`${file}:${line}: ${message}`)
console.log(problems.length === 0 ? 'layers: every import is allowed' : `layers: ${problems.length} to repair`)
process.exitCode = problems.length === 0 ? 0 : 1
