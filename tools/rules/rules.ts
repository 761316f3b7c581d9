/** The rules of docs/concepts/rules.md against the tests that prove them. Pure: texts and reports in, a table out. */

export interface Rule { readonly number: string; readonly issues: readonly number[]; readonly title: string }
export interface Test { readonly name: string; readonly file: string; readonly status: 'passed' | 'failed' | 'skipped' }
export interface Proof { readonly rule: Rule; readonly tests: readonly Test[]; readonly result: 'proven' | 'red' | 'no test' | 'not run' }

/** Rows `| S1 | 1, 2 | title |` of the page. Throws on a number that stands twice and on a page without rules. */
export function rulesOf(page: string): readonly Rule[] {
  const rules = [...page.matchAll(/^\| *([SAHEOT]\d+) *\| *([\d, ]+?) *\| *(.+?) *\|$/gm)].map((row) => ({ number: row[1]!, issues: row[2]!.split(',').map(Number), title: row[3]! }))
  const seen = new Set<string>()
  for (const { number } of rules) { if (seen.has(number)) throw new Error(`rules.md: ${number} stands twice`); seen.add(number) }
  if (rules.length === 0) throw new Error('rules.md: no rows | number | issue | title |')
  return rules
}

/** The tests of vitest's JSON report. A file that failed before its tests ran is one failed test with the file's name. */
export function testsOf(report: string): readonly Test[] {
  const { testResults } = JSON.parse(report) as { testResults: { name: string; status: string; assertionResults: { ancestorTitles: string[]; title: string; status: string }[] }[] }
  return testResults.flatMap((file) => (file.assertionResults.length === 0 && file.status === 'failed'
    ? [{ name: file.name, file: file.name, status: 'failed' as const }]
    : file.assertionResults.map((one) => ({ name: [...one.ancestorTitles, one.title].filter(Boolean).join(' > '), file: file.name, status: one.status === 'passed' || one.status === 'failed' ? one.status : 'skipped' as const }))))
}

/** The rules that a test's name begins with, or that one of its groups' names does: `S1 …`, `E1, E2 …`. */
export function numbersIn(name: string): readonly string[] {
  return [...new Set(name.split(' > ').flatMap((part) => /^(?:[SAHEOT]\d+\b[,/: ]*)+/.exec(part)?.[0].match(/[SAHEOT]\d+/g) ?? []))]
}

export function prove(rules: readonly Rule[], tests: readonly Test[]): readonly Proof[] {
  return rules.map((rule) => {
    const own = tests.filter((test) => numbersIn(test.name).includes(rule.number))
    const result = own.length === 0 ? 'no test' : own.some((test) => test.status === 'failed') ? 'red' : own.some((test) => test.status === 'passed') ? 'proven' : 'not run'
    return { rule, tests: own, result }
  })
}

/** What must be repaired: owed rules without a passing test or with a red one, red tests of any rule, and numbers that no rule has. */
export function complaints(proofs: readonly Proof[], tests: readonly Test[], done: readonly number[]): readonly string[] {
  const known = new Set(proofs.map((proof) => proof.rule.number))
  const strangers = tests.filter((test) => numbersIn(test.name).some((number) => !known.has(number)))
  return [
    ...proofs.filter(({ rule, result }) => result === 'red' || (result !== 'proven' && rule.issues.some((issue) => done.includes(issue)))).map(({ rule, result }) => `${rule.number} ${result}: ${rule.title}`),
    ...strangers.map((test) => `no such rule: ${test.name} (${test.file})`),
  ]
}

export function table(proofs: readonly Proof[], root: string): string {
  const sign = { proven: '✓', red: '✗', 'no test': '–', 'not run': '·' }
  return proofs.map(({ rule, tests, result }) => [
    `${sign[result]} ${rule.number.padEnd(4)}[${rule.issues.join(',')}] ${result.padEnd(8)} ${rule.title}`,
    ...tests.map((test) => `        ${test.status.padEnd(8)}${test.name}  (${test.file.replace(`${root}/`, '')})`),
  ].join('\n')).join('\n')
}
