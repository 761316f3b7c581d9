/** `./dev test --rules`: runs the tests (or reads `--report FILE`, vitest's JSON), prints rule, tests and result, fails on what is owed and not proven. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { complaints, prove, rulesOf, table, testsOf } from './rules.ts'

/** Issues whose rules must be proven. */
const done = [1]

const { values } = parseArgs({ options: { report: { type: 'string' } } })
const root = process.cwd()
const tests = testsOf(values.report === undefined ? run() : readFileSync(values.report, 'utf8'))
const proofs = prove(rulesOf(readFileSync(join(root, 'docs/concepts/rules.md'), 'utf8')), tests)
const wrong = complaints(proofs, tests, done)
console.log(table(proofs, root))
console.log(wrong.length === 0 ? '\nrules: every owed rule is proven' : `\n${wrong.join('\n')}\nrules: ${wrong.length} to repair`)
process.exitCode = wrong.length === 0 ? 0 : 1

/** Tests may be red: the report says which. */
function run(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rules-'))
  try {
    const file = join(folder, 'report.json')
    spawnSync('npx', ['vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`], { stdio: ['ignore', 'inherit', 'inherit'] })
    return readFileSync(file, 'utf8')
  } finally {
    rmSync(folder, { recursive: true })
  }
}
