/** skerry audit …: look into the audit, export it, and verify a chain without trusting who keeps it (rule S12). */
import { createPublicKey } from 'node:crypto'
import type { Command } from 'commander'
import { stringify } from 'yaml'
import { AuditRecordKind, type AuditRecord, type ListedAuditRecord } from '../api/audit/index.ts'
import { apiVersionOf } from '../api/meta/index.ts'
import { chainVerifier, type ChainLine } from '../rules/audit-chain.ts'
import { cliError, type Context } from './context.ts'
import { integer } from './options.ts'
import { formats, parseFormat, tableText, type Format } from './output.ts'

const path = `/apis/${apiVersionOf(AuditRecordKind)}/${AuditRecordKind.plural}`
const exportPath = '/audit/export'
const pageAtMost = 500
const unitMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `30m`, `8h`, `7d` ago, or a time as RFC 3339 has it; a day alone is its beginning in UTC. */
const timeOf = (option: string, text: string | undefined, now: Date): string | undefined => {
  if (text === undefined) return undefined
  const ago = /^(\d{1,5})([mhd])$/.exec(text)
  if (ago !== null) return new Date(now.getTime() - Number(ago[1]) * unitMs[ago[2]!]!).toISOString()
  const at = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d))?$/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(at)) throw cliError(`${option} ${text}: 30m, 8h, 7d, 2026-11-28 or 2026-11-28T08:00:00Z`, 2)
  return new Date(at).toISOString()
}

interface ListFlags { user?: string; verb?: string; resource?: string; name?: string; namespace?: string; denied?: boolean; since?: string; until?: string; limit: number; continue?: string; output: Format }

const whatOf = (r: AuditRecord): string => {
  const o = r.objectRef
  if (o === undefined) return r.requestURI ?? ''
  const place = [o.namespace, o.name].filter((p) => p !== undefined).join('/')
  return `${o.resource}${o.subresource === undefined ? '' : `/${o.subresource}`}${place === '' ? '' : ` ${place}`}`
}
const moreOf = (r: AuditRecord): string => [...(r.responseStatus.reason === undefined ? [] : [r.responseStatus.reason]), ...(r.count === undefined ? [] : [`${r.count} more until ${r.until ?? ''}`]), ...(r.note === undefined ? [] : [r.note])].join('; ')

const list = async (context: Context, o: ListFlags): Promise<void> => {
  const [resource, subresource] = o.resource?.split('/') ?? []
  const fields = { 'user.username': o.user, verb: o.verb, 'objectRef.resource': resource, 'objectRef.subresource': subresource, 'objectRef.namespace': o.namespace, 'objectRef.name': o.name, decision: o.denied === true ? 'deny' : undefined }
  const fieldSelector = Object.entries(fields).filter(([, v]) => v !== undefined).map(([k, v]) => `${k}=${v!}`).join(',')
  const query = { ...(fieldSelector !== '' && { fieldSelector }), since: timeOf('--since', o.since, context.now()), until: timeOf('--until', o.until, context.now()) }
  const items: ListedAuditRecord[] = []
  let token: string | undefined = o.continue
  do {
    const page = (await context.resources().request({ method: 'GET', path, query: { ...query, limit: Math.min(pageAtMost, o.limit - items.length), continue: token } })) as { readonly items: readonly ListedAuditRecord[]; readonly metadata: { readonly continue?: string } }
    items.push(...page.items)
    token = page.metadata.continue
  } while (token !== undefined && items.length < o.limit)
  const { out, err } = context.terminal
  if (o.output === 'name') for (const r of items) out(r.metadata.name)
  else if (o.output === 'json' || o.output === 'yaml') {
    const all = { apiVersion: apiVersionOf(AuditRecordKind), kind: `${AuditRecordKind.kind}List`, items }
    out(o.output === 'json' ? JSON.stringify(all, null, 2) : stringify(all).trimEnd())
  } else if (items.length === 0) err('no audit records like that')
  else {
    const isWide = o.output === 'wide'
    out(tableText([
      ['POSITION', 'TIME', 'USER', 'VERB', 'WHAT', 'CODE', ...(isWide ? ['FROM', 'AUDIT ID'] : []), 'MORE'],
      ...items.map((r) => [r.metadata.name, r.time.replace(/\.\d+Z$/, 'Z'), r.user.username || '<unknown>', r.verb, whatOf(r), String(r.responseStatus.code), ...(isWide ? [r.sourceIPs.join(), r.auditID] : []), moreOf(r)]),
    ]))
  }
  if (token !== undefined) err(`there is more: --continue ${token}, or a higher --limit`)
}

async function* exported(context: Context, after: number | undefined): AsyncGenerator<ChainLine> {
  for await (const line of context.resources().stream({ method: 'GET', path: exportPath, query: { after } })) yield line as ChainLine
}
async function* linesOf(context: Context, file: string): AsyncGenerator<ChainLine> {
  let number = 0
  for await (const text of context.files.lines(file)) {
    number++
    try { yield JSON.parse(text) as ChainLine } catch { throw cliError(`${file}: line ${number} is no JSON`) }
  }
}

const save = async (context: Context, o: { output: string; after?: number }): Promise<void> => {
  let records = 0
  let isWhole = false
  async function* texts(): AsyncGenerator<string> {
    for await (const line of exported(context, o.after)) {
      if (line.type === 'record') records++
      isWhole = line.type === 'end'
      yield JSON.stringify(line)
    }
    if (!isWhole) throw cliError('the export broke off; nothing was written')
  }
  if (o.output === '-') for await (const text of texts()) context.terminal.out(text)
  else await context.files.writeLines(o.output, texts())
  context.terminal.err(`${records} records${o.output === '-' ? '' : ` in ${o.output}`}; skerry audit verify${o.output === '-' ? '' : ` ${o.output}`} checks them`)
}

const verify = async (context: Context, files: readonly string[], o: { key?: readonly string[]; against?: string }): Promise<void> => {
  const trusted = await Promise.all((o.key ?? []).map(async (file) => {
    const text = await context.files.read(file)
    try { createPublicKey(text) } catch { throw cliError(`--key ${file}: holds no public key in PEM`, 2) }
    return text
  }))
  const earlier: ChainLine[] = []
  if (o.against !== undefined) {
    for await (const line of linesOf(context, o.against)) {
      if (line.type === 'start' && trusted.length === 0) trusted.push(...line.keys)
      if (line.type === 'checkpoint') earlier.push(line)
    }
    if (earlier.length === 0) throw cliError(`${o.against}: has no checkpoint to compare with`)
  }
  const verifier = chainVerifier(trusted)
  const check = (fault: ReturnType<typeof verifier.add>): void => { if (fault !== undefined) throw cliError(`broken at position ${fault.position}: ${fault.problem}`) }
  for (const line of earlier) check(verifier.add(line))
  for (const source of files.length === 0 ? [exported(context, undefined)] : files.map((file) => linesOf(context, file))) for await (const line of source) check(verifier.add(line))
  check(verifier.end())
  const v = verifier.verdict()
  const { out, err } = context.terminal
  out(`${v.records} records hold, positions ${v.first} to ${v.last}; ${v.checkpoints} checkpoints${v.keys.length === 0 ? '' : ` signed with ${v.keys.join(', ')}`}`)
  out(`chain ends in ${v.head}`)
  if (v.covered === undefined) err('no checkpoint covers any of it: who holds the database could have made it anew')
  else if (v.covered.position < v.last) out(`signed up to position ${v.covered.position}, at ${v.covered.time}`)
  if (trusted.length === 0 && v.keys.length > 0) err(`the key ${v.keys.join(', ')} came with the records; --key with one that you got another way proves whose it is`)
}

const several = (text: string, before: readonly string[] = []): readonly string[] => [...before, text]

export const addAudit = (program: Command, context: Context): void => {
  const audit = program.command('audit').description('who did what, from where, and what came of it')
  audit.command('list').description('records, newest first; -n PROJECT for one project')
    .option('--user <name>').option('--verb <verb>', 'create, update, patch, delete, login, …').option('--resource <plural>', 'clusters, clusters/kubeconfig, sites, …').option('--name <name>', 'of the object')
    .option('--denied', 'what was refused: unknown callers and missing rights').option('--since <when>', '30m, 8h, 7d, or a time').option('--until <when>', 'the same')
    .option('--limit <n>', 'how many', integer, 50).option('--continue <token>', 'where the last page ended').option('-o, --output <format>', formats.join(', '), parseFormat, 'table')
    .action((_o: object, command: Command) => list(context, command.optsWithGlobals()))
  audit.command('export').description('the chain with its checkpoints, one JSON value a line, to keep and to verify elsewhere')
    .option('--output <file>', 'where to; - is standard output', '-').option('--after <position>', 'only what follows', integer)
    .action((o: { output: string; after?: number }) => save(context, o))
  audit.command('verify').argument('[files...]', 'exports and archives, in order; - is standard input; none: what the platform has now').description('finds the first record that is missing, changed or out of place; needs no platform for files')
    .option('--key <file>', "public key of the platform's checkpoints (audit.pub); may stand several times", several).option('--against <file>', 'an earlier export: what was signed then must be there')
    .action((files: string[], o: { key?: readonly string[]; against?: string }) => verify(context, files, o))
}
