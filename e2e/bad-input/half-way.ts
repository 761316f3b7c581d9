/** What goes wrong in the cloud while clusters are made: each gives a condition that says whose move it is and what to do, and what is half made is listed and goes with the cluster. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, Machine } from '../../src/api/index.ts'
import type { Condition } from '../../src/api/meta/index.ts'
import { counts, difference } from '../inventory.ts'
import type { Report } from '../report.ts'
import { project, type Fault, type Ran, type Server } from '../server.ts'

export type Skerry = (...args: readonly string[]) => Promise<Ran>

interface Row {
  readonly what: string
  /** Before the cluster is asked for; answers what undoes it. */
  readonly prepare?: (s: Server) => Promise<() => Promise<unknown>>
  /** When all is there but a server; answers what undoes it. */
  readonly break?: (s: Server) => Promise<() => Promise<unknown>>
  readonly reason: string
  readonly fault: string
  readonly says: RegExp
  /** More than a minute; left out of the short version. */
  readonly isLong?: true
}

const patchSite = (s: Server, spec: object) => s.resources.request({ method: 'PATCH', path: '/apis/skerry.dev/v1alpha1/sites/sim', contentType: 'application/merge-patch+json', body: { spec } })
const fault = async (s: Server, body: object) => { const { id } = await s.admin<{ id: string }>('POST', 'faults', body); return () => s.admin('DELETE', `faults/${id}`) }
const setQuota = (s: Server, quota: object) => s.admin('PUT', `quotas/${project}`, quota)

const rows: readonly Row[] = [
  { what: 'a quota that is lost half-way', break: async (s) => { await setQuota(s, { instances: 0 }); return () => setQuota(s, { instances: -1 }) }, reason: 'QuotaExceeded', fault: 'User', says: /raise the quota or free something/ },
  { what: 'a site that cannot be reached', break: (s) => fault(s, { kind: 'reset', when: 'before', method: 'GET' }), reason: 'CloudUnreachable', fault: 'Cloud', says: /it is tried again by itself/, isLong: true },
  { what: 'a configuration over 64 KiB', prepare: async (s) => {
    await patchSite(s, { services: { trustedRoots: [`-----BEGIN CERTIFICATE-----\n${randomBytes(47_000).toString('base64')}\n-----END CERTIFICATE-----\n`] } })
    return () => patchSite(s, { services: { trustedRoots: [] } })
  }, reason: 'ConfigurationTooLarge', fault: 'User', says: /Shorten trusted roots/ },
]

const look = async (s: Server, name: string) => {
  const cluster = await s.resources.get(Cluster, { namespace: project, name })
  const machines = (await s.resources.list(Machine, { namespace: project })).items.filter((m) => m.spec.cluster === name)
  const objects = [...(cluster === undefined ? [] : [cluster]), ...machines]
  return { cluster, listed: JSON.stringify(objects.map((o) => o.status)), conditions: objects.flatMap((o) => (o.status?.conditions ?? []) as readonly Condition[]) }
}
/** What is in the cloud, is none of the others' and is in no status. A balancer makes one port for itself. */
const unlisted = async (s: Server, listed: string, before: ReadonlySet<string>): Promise<readonly string[]> => {
  const { ids } = await s.admin<{ ids: Record<string, readonly string[]> }>('GET', 'inventory')
  return ['networks', 'subnets', 'routers', 'securityGroups', 'floatingIps', 'loadBalancers', 'ports', 'volumes', 'servers']
    .flatMap((type) => (ids[type] ?? []).filter((id) => !before.has(id) && !listed.includes(id)).slice(type === 'ports' ? 1 : 0).map((id) => `${type} ${id}`))
}
const until = async <T>(ask: () => Promise<T | undefined>, seconds: number): Promise<T | undefined> => {
  for (const end = performance.now() + seconds * 1000; ;) {
    const answer = await ask()
    if (answer !== undefined || performance.now() > end) return answer
    await sleep(200)
  }
}

const play = async (report: Report, s: Server, skerry: Skerry, row: Row, create: readonly string[]): Promise<void> => {
  const name = create[2]!
  const { ids } = await s.admin<{ ids: Record<string, readonly string[]> }>('GET', 'inventory')
  const was = await counts(s)
  const undo = [await row.prepare?.(s)]
  const release = row.break === undefined ? undefined : await fault(s, { kind: 'status', status: 429, retryAfter: 1, service: 'compute', method: 'POST', path: '/servers$' })
  const made = await skerry(...create)
  if (made.code !== 0) { report.check(row.what, false, made.err); return }
  if (row.break !== undefined) {
    await until(async () => ((await s.admin<readonly Fault[]>('GET', 'faults')).some((f) => f.struck > 0) ? true : undefined), 30)
    undo.push(await row.break(s))
    await release!()
  }
  const said = await until(async () => (await look(s, name)).conditions.find((c) => c.reason === row.reason && c.type !== 'Progressing'), 60)
  report.check(`${row.what}: ${row.reason}, whose move it is, and what to do`, said !== undefined && said.fault === row.fault && row.says.test(said.message), JSON.stringify(said ?? (await look(s, name)).conditions))
  const before = new Set(Object.values(ids).flat())
  const whole = await until(async () => ((await unlisted(s, (await look(s, name)).listed, before)).length === 0 ? true : undefined), 15)
  report.check(`${row.what}: what is half made is listed`, whole === true, (await unlisted(s, (await look(s, name)).listed, before)).join(', '))
  for (const u of undo) await u?.()
  const gone = await skerry('cluster', 'delete', name, '-n', project, '--yes', '--timeout', '90')
  const left = difference(await counts(s), was)
  report.check(`${row.what}: all of it goes with the cluster`, gone.code === 0 && left === '', `${gone.err} ${left}`)
}

/** Limits are read every half minute, and at once when a project comes. */
const preflight = async (report: Report, s: Server, skerry: Skerry, create: readonly string[]): Promise<void> => {
  await setQuota(s, { cores: 0 })
  await skerry('project', 'create', 'beside')
  const short = await until(async () => { const r = await skerry(...create, '--dry-run'); return r.code === 0 ? undefined : r }, 60)
  const refused = await skerry(...create)
  for (const [how, ran] of [['as a dry run', short], ['when it is made', refused]] as const)
    report.check(`a quota that is too small, ${how}`, ran?.code === 4 && /spec\.controlPlane\.replicas/.test(ran.err) && /quota cores: needs 2 cores, 0 of 0 are left .* raise the quota/.test(ran.err), ran === undefined ? 'not refused' : `exit ${ran.code}: ${ran.err}`)
  await setQuota(s, { cores: -1 })
  await skerry('project', 'delete', 'beside')
  await until(async () => ((await skerry(...create, '--dry-run')).code === 0 ? true : undefined), 60)
}

/** `create` answers the arguments that make a cluster of this name. */
export const halfWay = async (report: Report, s: Server, skerry: Skerry, create: (name: string) => readonly string[], isShort: boolean): Promise<void> => {
  await preflight(report, s, skerry, create('short'))
  for (const [i, row] of rows.filter((r) => !isShort || r.isLong !== true).entries()) await play(report, s, skerry, row, create(`half-${i}`))
}
