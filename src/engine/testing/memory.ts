/** TEMPORARY: resources in memory until the API server is there. */
import { apiVersionOf, keyOf, keyText, resourceName, type Kind, type Resource } from '../../api/meta/index.ts'
import { failureError } from '../errors.ts'
import type { Fence, Resources, WatchEvent, Applied } from '../resources.ts'

type Any = any
const listKeys: Record<string, string> = { conditions: 'type', ownerReferences: 'uid' }
const fieldsOf = (v: Any): Any => {
  const out: Any = {}
  for (const [k, x] of Object.entries(v as Any)) {
    if (x === undefined) continue
    if (Array.isArray(x) && listKeys[k] !== undefined) out[`f:${k}`] = Object.fromEntries(x.map((i: Any) => [`k:${JSON.stringify({ [listKeys[k]!]: i[listKeys[k]!] })}`, k === 'ownerReferences' ? {} : { '.': {}, ...fieldsOf(i) }]))
    else if (Array.isArray(x) && k === 'finalizers') out[`f:${k}`] = Object.fromEntries(x.map((i: Any) => [`v:${JSON.stringify(i)}`, {}]))
    else if (typeof x === 'object' && x !== null && !Array.isArray(x)) out[`f:${k}`] = Object.keys(x).length === 0 ? {} : fieldsOf(x)
    else out[`f:${k}`] = {}
  }
  return out
}
const merge = (have: Any, old: Any, next: Any): Any => {
  const out = { ...have }
  for (const k of Object.keys(old ?? {})) if (next?.[k] === undefined && !Array.isArray(out[k])) {
    if (typeof old[k] === 'object' && old[k] !== null && !Array.isArray(old[k])) { const m = merge(out[k], old[k], {}); if (Object.keys(m).length === 0) delete out[k]; else out[k] = m } else delete out[k]
  }
  const lists = new Set([...Object.keys(next ?? {}), ...Object.keys(old ?? {})])
  for (const k of lists) {
    const x = next?.[k]
    const keyed = listKeys[k]
    if (keyed !== undefined || k === 'finalizers') {
      const id = (i: Any): Any => (keyed === undefined ? i : i[keyed])
      const gone = new Set((old?.[k] ?? []).map(id).filter((i: Any) => !(x ?? []).some((y: Any) => id(y) === i)))
      const kept = (out[k] ?? []).filter((i: Any) => !gone.has(id(i)) && !(x ?? []).some((y: Any) => id(y) === id(i)))
      out[k] = [...kept, ...(x ?? [])]
      if (out[k].length === 0) delete out[k]
    } else if (x !== undefined) out[k] = typeof x === 'object' && x !== null && !Array.isArray(x) ? merge(out[k] ?? {}, typeof old?.[k] === 'object' ? old[k] : {}, x) : x
  }
  return out
}

export const memoryResources = (isHeld: (f: Fence) => boolean) => {
  const rows = new Map<string, Resource>()
  const applied = new Map<string, Any>()
  let version = 0
  let serial = 0
  const log: { version: number; resource: string; event: WatchEvent<Any> }[] = []
  const wakes = new Set<() => void>()
  let floor = 0
  const id = (k: Kind<any>, o: Any) => `${resourceName(k)} ${keyText(o.metadata === undefined ? o : keyOf(o))}`
  const strip = (o: Any) => { const { resourceVersion: _, managedFields: __, ...m } = o.metadata; return JSON.stringify({ ...o, metadata: m }) }
  const put = (k: Kind<any>, before: Any, after: Any, type: 'ADDED' | 'MODIFIED' | 'DELETED'): Any => {
    if (before !== undefined && type === 'MODIFIED' && strip(before) === strip(after) && JSON.stringify(before.metadata.managedFields) === JSON.stringify(after.metadata.managedFields)) return before
    const o = structuredClone({ ...after, metadata: { ...after.metadata, resourceVersion: String(++version) } })
    const del = type === 'DELETED' || (o.metadata.deletionTimestamp !== undefined && (o.metadata.finalizers?.length ?? 0) === 0)
    if (del) rows.delete(id(k, o)); else rows.set(id(k, o), o)
    log.push({ version, resource: resourceName(k), event: { type: del ? 'DELETED' : type, object: o } })
    for (const w of [...wakes]) w()
    return o
  }
  const fail = (code: number, reason: string): never => { throw failureError({ code, reason, message: reason }) }
  const fence = (o: Any) => { if (o.fence !== undefined && !isHeld(o.fence)) throw failureError({ code: 409, reason: 'Conflict', message: 'fenced', details: { causes: [{ reason: 'Fenced' }] } }) }
  const fresh = (k: Kind<any>, a: Applied): Any => ({ apiVersion: apiVersionOf(k), kind: k.kind, ...a, metadata: { ...a.metadata, uid: `uid-${serial++}`, generation: 1, creationTimestamp: new Date().toISOString() } })
  const apply = (k: Kind<any>, a: Applied, o: Any, sub: string): Any => {
    fence(o)
    const before: Any = rows.get(id(k, a))
    if (before === undefined && (sub === 'status' || a.metadata.uid !== undefined)) return fail(sub === 'status' ? 404 : 409, sub === 'status' ? 'NotFound' : 'Conflict')
    if (before !== undefined && a.metadata.uid !== undefined && a.metadata.uid !== before.metadata.uid) fail(409, 'Conflict')
    const tag = `${id(k, a)} ${o.manager} ${sub} ${before?.metadata.uid}`
    const old = applied.get(tag) ?? {}
    const { name: _n, namespace: _s, uid: _u, ...metadata } = a.metadata
    const next: Any = structuredClone(sub === 'status' ? { status: a.status } : { metadata, spec: a.spec })
    const base = before ?? fresh(k, { metadata: { name: a.metadata.name, namespace: a.metadata.namespace! } })
    const after = { ...base, ...merge({ metadata: base.metadata, spec: base.spec, status: base.status }, old, next) }
    if (JSON.stringify(after.spec) !== JSON.stringify(base.spec)) after.metadata = { ...after.metadata, generation: after.metadata.generation + 1 }
    after.metadata = { ...after.metadata, managedFields: [...(base.metadata.managedFields ?? []).filter((m: Any) => !(m.manager === o.manager && (m.subresource ?? '') === sub)),
      { manager: o.manager, operation: 'Apply', apiVersion: apiVersionOf(k), fieldsType: 'FieldsV1', fieldsV1: fieldsOf(next), ...(sub !== '' && { subresource: sub }) }].toSorted((x: Any, y: Any) => ((x.manager + (x.subresource ?? '')) < (y.manager + (y.subresource ?? '')) ? -1 : 1)) }
    applied.set(`${id(k, a)} ${o.manager} ${sub} ${after.metadata.uid}`, next)
    return put(k, before, after, before === undefined ? 'ADDED' : 'MODIFIED')
  }
  const io = async <T>(f: () => T): Promise<T> => { await new Promise((r) => { setImmediate(r) }); return f() }
  const resources: Resources = {
    get: (k, key) => io(() => rows.get(id(k, { metadata: key })) as Any),
    list: (k) => io(() => ({ items: [...rows].filter(([i]) => i.startsWith(`${resourceName(k)} `)).map(([, o]) => o as Any), resourceVersion: String(version) })),
    async *watch(k, o) {
      let at = Number(o.resourceVersion)
      while (!o.signal.aborted) {
        if (at < floor) fail(410, 'Expired')
        for (const l of log) if (l.version > at && l.resource === resourceName(k)) { at = l.version; yield l.event }
        at = Math.max(at, version)
        await new Promise<void>((r) => { wakes.add(r as Any); o.signal.addEventListener('abort', () => { r() }, { once: true }) })
      }
    },
    create: (k, a, o) => io(() => { fence(o); if (rows.has(id(k, a))) fail(409, 'AlreadyExists'); return put(k, undefined, fresh(k, a), 'ADDED') }),
    apply: (k, a, o) => io(() => apply(k, a, o, '')),
    applyStatus: (k, a, o) => io(() => apply(k, a, o, 'status')),
    update: (k, a, o) => io(() => { fence(o); const b = rows.get(id(k, a)); if (b === undefined) return fail(404, 'NotFound'); if (b.metadata.resourceVersion !== a.metadata.resourceVersion) fail(409, 'Conflict'); return put(k, b, { ...a, metadata: { ...a.metadata, generation: JSON.stringify(a.spec) === JSON.stringify(b.spec) ? b.metadata.generation : b.metadata.generation + 1 } }, 'MODIFIED') }),
    delete: (k, key, o) => io(() => { fence(o); const b: Any = rows.get(id(k, { metadata: key })); if (b === undefined) return undefined; if (o.uid !== undefined && o.uid !== b.metadata.uid) fail(409, 'Conflict'); if (b.metadata.deletionTimestamp !== undefined) return b; return put(k, b, { ...b, metadata: { ...b.metadata, deletionTimestamp: new Date().toISOString() } }, 'MODIFIED') }),
  }
  return { resources, version: () => version, compact: () => { floor = version }, log }
}
