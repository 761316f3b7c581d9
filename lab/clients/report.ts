/** From what a client's program printed to what is said of it: lines, counts, the page docs/reference/clients.md. Pure. */
export interface Check { readonly what: string; readonly isOk: boolean; readonly detail: string }

export type Outcome =
  | { readonly kind: 'ran'; readonly checks: readonly Check[]; readonly seconds: number; /** Why it did not come to its end. */ readonly broken?: string }
  | { readonly kind: 'not proven'; readonly why: string }

export interface Report { readonly name: string; readonly what: string; readonly version: string; readonly outcome: Outcome }

/** `ok   WHAT` and `FAIL WHAT: DETAIL`; other lines are talk. */
export const checkIn = (line: string): Check | undefined => {
  const [, verdict, what, detail = ''] = /^(ok|FAIL) +(.+?)(?:: (.*))?$/.exec(line) ?? []
  if (verdict === undefined || what === undefined) return undefined
  return verdict === 'ok' ? { what: detail === '' ? what : `${what}: ${detail}`, isOk: true, detail: '' } : { what, isOk: false, detail }
}

export const isProven = ({ outcome }: Report): boolean => outcome.kind === 'ran' && outcome.broken === undefined && outcome.checks.length > 0 && outcome.checks.every((c) => c.isOk)
const hasFailed = (r: Report): boolean => r.outcome.kind === 'ran' && !isProven(r)

const failures = (outcome: Extract<Outcome, { kind: 'ran' }>): readonly string[] => [
  ...outcome.checks.filter((c) => !c.isOk).map((c) => `${c.what}${c.detail === '' ? '' : `: ${c.detail.slice(0, 300)}`}`),
  ...(outcome.broken === undefined ? [] : [outcome.broken]), ...(outcome.checks.length === 0 && outcome.broken === undefined ? ['it checked nothing'] : []),
]

/** One line a client, and one more for each thing that failed. */
export const lines = (r: Report): readonly string[] => {
  const { outcome } = r
  if (outcome.kind === 'not proven') return [`not proven: ${r.name}: ${outcome.why}`]
  const title = `${r.name} ${r.version} (${outcome.checks.length} checks, ${outcome.seconds.toFixed(1)} s)`
  return isProven(r) ? [`ok ${title}`] : [`FAILED ${title}`, ...failures(outcome).map((f) => `       ${f}`)]
}

export const summary = (reports: readonly Report[]): string => {
  const unproven = reports.filter((r) => r.outcome.kind === 'not proven').length
  return `${reports.filter(isProven).length} passed, ${reports.filter(hasFailed).length} failed${unproven === 0 ? '' : `, ${unproven} skipped`}`
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

/** The page; `never` are clients that nobody could try, with the reason. */
export const page = (reports: readonly Report[], never: readonly { readonly name: string; readonly why: string }[]): string => {
  const result = (r: Report): string => (r.outcome.kind === 'not proven' ? `not proven: ${r.outcome.why}` : isProven(r) ? `${r.outcome.checks.length} checks, all ok` : `**fails**: ${failures(r.outcome).join('; ')}`)
  const list = (r: Report): readonly string[] => (r.outcome.kind === 'ran' ? ['', `## ${r.name} ${r.version}`, '', ...r.outcome.checks.map((c) => `- ${c.what}${c.isOk ? '' : ' (**fails**)'}`)] : [])
  return [
    '# Clients', '',
    '<!-- Written by `./dev lab clients --write`; do not edit. -->', '',
    'Unmodified clients and libraries, run against `skerry serve` on PostgreSQL with clusters and node pools. The same programs are run against kube-apiserver 1.36 with our kinds (`./dev lab clients --peer`), where they pass: a check that fails here is ours.', '',
    '| client | version | what was done | result |', '|---|---|---|---|',
    ...reports.map((r) => `| ${cell(r.name)} | ${cell(r.version)} | ${cell(r.what)} | ${cell(result(r))} |`), '',
    '## Not proven', '', ...never.map((n) => `- ${n.name}: ${n.why}`),
    ...reports.flatMap(list), '',
  ].join('\n')
}
