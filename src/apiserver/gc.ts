/** Collects what lost its owners, finishes foreground and orphaning deletions, and drops old Events. Compare-and-swap makes it safe on every replica. */
import type { Row } from '../store/store.ts'
import type { Change } from '../store/store.ts'
import type { Api } from './api.ts'
import { rowFor, storedObject } from './objects.ts'
import { seconds } from './prepare.ts'
import type { Served } from './served.ts'
import type { Mutable } from './values.ts'

const sweepMs = 60_000
type Owner = { readonly uid: string; readonly blockOwnerDeletion?: boolean }
const ownersOf = (row: Row): readonly Owner[] => ((storedObject(row)['metadata'] as Mutable)['ownerReferences'] ?? []) as Owner[]

export const collectGarbage = (api: Api, keepEventsMs: number): (() => void) => {
  const byResource = new Map<string, Served>()
  for (const s of api.served.values()) if (s.view === undefined || !byResource.has(s.resource)) byResource.set(s.resource, s.view === undefined ? s : { ...s, ...s.view.stored, view: undefined })
  const uids = new Map<string, number>()
  const rows = (): readonly Row[] => [...byResource.values()].flatMap((s) => api.cache.list(s.resource))
  for (const r of rows()) uids.set(r.uid, 1)

  const put = async (row: Row, after: Mutable | undefined): Promise<void> => {
    const served = byResource.get(row.resource)
    if (served === undefined) return
    const key = { resource: row.resource, namespace: row.namespace, name: row.name }
    await api.store.commit({ operations: [{ key, expect: row.version, row: after === undefined ? undefined : rowFor(served, after) }] }).catch((error: unknown) => { api.log.warn({ error: String(error) }, 'garbage is collected later') })
  }
  const drop = async (row: Row): Promise<void> => {
    if (row.deleting) return
    const o = storedObject(row)
    const meta = o['metadata'] as Mutable
    await put(row, row.finalizers.length === 0 ? undefined : { ...o, metadata: { ...meta, deletionTimestamp: seconds(api.now()), deletionGracePeriodSeconds: 0, generation: (meta['generation'] as number) + 1 } })
  }
  const withoutFinalizer = (row: Row, finalizer: string): Promise<void> => {
    const o = storedObject(row)
    const left = row.finalizers.filter((f) => f !== finalizer)
    return put(row, left.length === 0 && row.deleting ? undefined : { ...o, metadata: { ...(o['metadata'] as Mutable), finalizers: left } })
  }

  /** An owner is gone: who had no other goes too. */
  const ownerGone = async (uid: string): Promise<void> => {
    for (const row of api.cache.byOwner(uid)) if (ownersOf(row).every((o) => !uids.has(o.uid))) await drop(row)
  }
  const inForeground = async (row: Row): Promise<void> => {
    const dependents = api.cache.byOwner(row.uid)
    for (const d of dependents) await drop(d)
    if (!dependents.some((d) => ownersOf(d).some((o) => o.uid === row.uid && o.blockOwnerDeletion === true))) await withoutFinalizer(row, 'foregroundDeletion')
  }
  const orphan = async (row: Row): Promise<void> => {
    for (const d of api.cache.byOwner(row.uid)) {
      const o = storedObject(d)
      await put(d, { ...o, metadata: { ...(o['metadata'] as Mutable), ownerReferences: ownersOf(d).filter((x) => x.uid !== row.uid) } })
    }
    if (api.cache.byOwner(row.uid).length === 0) await withoutFinalizer(row, 'orphan')
  }
  const look = async (row: Row): Promise<void> => {
    if (row.deleting && row.finalizers.includes('foregroundDeletion')) await inForeground(row)
    if (row.deleting && row.finalizers.includes('orphan')) await orphan(row)
    if (!row.deleting && row.ownerUids.length > 0 && row.ownerUids.every((u) => !uids.has(u))) await drop(row)
  }

  let chain: Promise<void> = Promise.resolve()
  const later = (work: () => Promise<void>): void => { chain = chain.then(work).catch((error: unknown) => { api.log.warn({ error: String(error) }, 'garbage is collected later') }) }
  const onChanges = (changes: readonly Change[]): void => {
    for (const c of changes) {
      if (c.after === undefined) {
        uids.delete(c.uid)
        later(() => ownerGone(c.uid))
        for (const owner of c.before?.ownerUids ?? []) later(async () => { for (const r of rows()) if (r.uid === owner && r.deleting && r.finalizers.length > 0) await look(r) })
      } else {
        uids.set(c.uid, 1)
        if (c.after.deleting || (c.before === undefined && c.after.ownerUids.length > 0)) { const { after } = c; later(() => look(after)) }
      }
    }
  }
  let stopped = false
  const watches = new Map<string, { stop(): void }>()
  const start = (resource: string): void => {
    watches.set(resource, api.cache.watch(resource, undefined, api.cache.version, onChanges, () => { if (!stopped) { start(resource); later(sweep) } }))
  }
  const sweep = async (): Promise<void> => {
    const all = rows()
    uids.clear()
    for (const r of all) uids.set(r.uid, 1)
    for (const r of all) if (r.deleting || r.ownerUids.length > 0) await look(r)
    const before = api.now().getTime() - keepEventsMs
    for (const e of api.cache.list('events')) {
      const o = storedObject(e)
      if (Date.parse(String(o['lastTimestamp'] ?? (o['metadata'] as Mutable)['creationTimestamp'])) < before) await put(e, undefined)
    }
  }
  for (const resource of byResource.keys()) start(resource)
  const timer = setInterval(() => later(sweep), sweepMs)
  timer.unref()
  return () => { stopped = true; clearInterval(timer); for (const w of watches.values()) w.stop() }
}
