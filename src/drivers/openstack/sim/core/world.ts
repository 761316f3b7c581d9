/** The cloud's state and what every service needs of its surroundings: tables, time, ids, faults, steps that fall due. */
import type { Settings } from '../options.ts'
import { type Faults, type Standing, faults } from '../faults.ts'
import type { Call } from './call.ts'
import { Refusal } from './call.ts'
import { type Entry, type Journal, openJournal, readJournal } from './journal.ts'
import type * as rows from './rows.ts'
import { type Row, type Table, table } from './table.ts'

export interface Tables {
  readonly projects: Table<rows.ProjectRow>
  readonly credentials: Table<rows.CredentialRow>
  readonly servers: Table<rows.ServerRow>
  readonly serverGroups: Table<rows.ServerGroupRow>
  readonly keyPairs: Table<rows.KeyPairRow>
  readonly networks: Table<rows.NetworkRow>
  readonly subnets: Table<rows.SubnetRow>
  readonly routers: Table<rows.RouterRow>
  readonly ports: Table<rows.PortRow>
  readonly securityGroups: Table<rows.SecurityGroupRow>
  readonly securityGroupRules: Table<rows.SecurityGroupRuleRow>
  readonly floatingIps: Table<rows.FloatingIpRow>
  readonly volumes: Table<rows.VolumeRow>
  readonly snapshots: Table<rows.SnapshotRow>
  readonly images: Table<rows.ImageRow>
  readonly loadBalancers: Table<rows.LoadBalancerRow>
  readonly listeners: Table<rows.ListenerRow>
  readonly pools: Table<rows.PoolRow>
  readonly members: Table<rows.MemberRow>
  readonly monitors: Table<rows.MonitorRow>
}

export interface World {
  readonly settings: Settings
  readonly tables: Tables
  readonly faults: Faults
  readonly journal: Journal
  /** Not rows: keys and disks, kept with them. */
  readonly values: Map<string, unknown>
  now(): string
  ms(): number
  id(): string
  /** Runs `step` of the row after so many ms; 0 is after the answer. */
  later<R extends Row>(table: Table<R>, row: R, step: string, ms: number): void
  /** Declares what a step does. */
  step<R extends Row>(table: Table<R>, step: string, run: (row: R) => void): void
  /** Rows of a list: the project's, or what a stale or blind caller sees. */
  seen<R extends Row>(call: Call, table: Table<R>): readonly R[]
  /** A row the caller may see, else undefined. Administrators see all. */
  find<R extends Row>(call: Call, table: Table<R>, id: string): R | undefined
  /** Told when rows change that others depend on (listeners, firewalls). */
  changed: { port(port: rows.PortRow): void; floatingIp(ip: rows.FloatingIpRow): void; loadBalancer(id: string): void; volumeGone(id: string): void }
  /** Floating IPs bound to a port; the wires keep it. */
  readonly ipsOfPort: Map<string, Set<rows.FloatingIpRow>>
  quota(project: string, resource: string): number
  resume(): void
  /** No step runs any more. */
  stop(): void
}

const names: readonly (keyof Tables)[] = ['projects', 'credentials', 'servers', 'serverGroups', 'keyPairs', 'networks', 'subnets', 'routers', 'ports', 'securityGroups', 'securityGroupRules', 'floatingIps', 'volumes', 'snapshots', 'images', 'loadBalancers', 'listeners', 'pools', 'members', 'monitors']

export const makeWorld = (settings: Settings): World => {
  const kept: readonly Entry[] = settings.stateFile === undefined ? [] : readJournal(settings.stateFile)
  const tables = Object.fromEntries(names.map((name) => [name, table(name, (t, id, row) => { journal.note(t, id, row) }, () => settings.clock.now().toISOString())])) as unknown as Tables
  const values = new Map<string, unknown>()
  const alive = function* (): Iterable<Entry> {
    for (const name of names) for (const row of (tables[name] as Table<Row>).all()) yield [name, row.id, row]
    for (const [id, value] of values) yield ['value', id, value]
  }
  const journal: Journal = openJournal(settings.stateFile, kept, alive)
  for (const [name, id, value] of kept) {
    if (name === 'value') values.set(id, value)
    else (tables as unknown as Record<string, Table<Row>>)[name]?.load(value as Row)
  }
  const steps = new Map<string, (row: never) => void>()
  const pending = new Set<() => void>()
  let stopped = false

  const run = (t: Table<Row>, row: Row, step: string): void => {
    if (stopped || row.next?.step !== step || t.get(row.id) !== row) return
    delete row.next
    steps.get(`${t.name}/${step}`)!(row as never)
    t.touch(row)
    journal.flush()
  }
  const arm = (t: Table<Row>, row: Row, step: string, ms: number): void => {
    if (ms <= 0) {
      const due = setImmediate(() => { pending.delete(cancel); run(t, row, step) })
      const cancel = (): void => { clearImmediate(due) }
      pending.add(cancel)
      return
    }
    const cancel = settings.clock.after(ms, () => { pending.delete(cancel); run(t, row, step) })
    pending.add(cancel)
  }
  const snapshots = (s: Standing): void => {
    if (s.fault.kind !== 'stale-list') return
    for (const name of names) s.memory.set(name, new Map([...(tables[name] as Table<Row>).all()].map((row) => [row.id, structuredClone(row)])))
  }
  const world: World = {
    settings, tables, journal, values,
    faults: faults(settings.random, (id) => tables.projects.get(id)?.name, snapshots),
    now: () => settings.clock.now().toISOString(),
    ms: () => settings.clock.now().getTime(),
    id: settings.ids,
    later(t, row, step, ms) {
      row.next = { step, at: world.ms() + ms }
      t.touch(row)
      arm(t as unknown as Table<Row>, row, step, ms)
    },
    step(t, step, call) { steps.set(`${t.name}/${step}`, call as (row: never) => void) },
    seen(call, t) {
      if (call.blind) return []
      const stale = world.faults.strike(call, 'stale-list')
      if (stale === undefined) return t.of(call.token.projectId)
      return [...(stale.memory.get(t.name) as Map<string, never>).values()].filter((row: Row) => row.project === call.token.projectId)
    },
    find(call, t, id) {
      if (call.blind) return undefined
      const row = t.get(id)
      return row !== undefined && (row.project === call.token.projectId || call.token.roles.includes('admin')) ? row : undefined
    },
    ipsOfPort: new Map(),
    changed: { port() {}, floatingIp() {}, loadBalancer() {}, volumeGone() {} },
    quota: (project, resource) => tables.projects.get(project)?.quota[resource] ?? -1,
    resume() {
      for (const name of names) {
        const t = tables[name] as Table<Row>
        for (const row of t.all()) if (row.next !== undefined) arm(t, row, row.next.step, Math.max(0, row.next.at - world.ms()))
      }
    },
    stop() {
      stopped = true
      for (const cancel of pending) cancel()
    },
  }
  return world
}

/** A page: rows after the marker, at most `limit` of them; `more` when another page may follow. */
export interface Page<R> { readonly rows: readonly R[]; readonly more: boolean; readonly limit: number }

export const page = <R extends Row>(world: World, call: Call, all: readonly R[], refuse: { marker(marker: string): Refusal; limit(text: string): Refusal }): Page<R> => {
  const text = call.query.get('limit')
  const marker = call.query.get('marker')
  let limit = world.settings.maxLimit
  if (text !== null) {
    if (!/^\d+$/.test(text)) throw refuse.limit(text)
    limit = Math.min(limit, Number(text))
  }
  let start = 0
  if (marker !== null && marker !== '') {
    const at = all.findIndex((row) => row.id === marker)
    if (at < 0 || world.faults.strike(call, 'lost-marker') !== undefined) throw refuse.marker(marker)
    start = at + 1
  }
  const rows = all.slice(start, start + limit)
  return { rows, more: rows.length === limit && limit > 0, limit }
}

/** Address of the next page of this list. */
export const nextPage = (url: string, call: Call, last: string, limit: number): string => {
  const query = new URLSearchParams(call.query)
  query.set('limit', String(limit))
  query.set('marker', last)
  return `${url}?${query.toString()}`
}

export const joined = (texts: readonly string[]): string => `[${texts.join(',')}]`
