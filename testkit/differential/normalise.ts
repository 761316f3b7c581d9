/** Answers without what two servers cannot agree on: uids, versions, times, made-up names, tokens, words for people. Each becomes a name by the order in which it was first seen, so that "the same as before" stays visible. */
import type { Answer } from './subject.ts'

const isObject = (v: unknown): v is Readonly<Record<string, unknown>> => typeof v === 'object' && v !== null && !Array.isArray(v)
/** Keys by which the items of their lists are read. */
const keptInLists = new Set(['cells', 'columnDefinitions'])
const times = new Set(['creationTimestamp', 'deletionTimestamp'])

export interface Comparable { readonly code: number; readonly warnings: readonly string[]; readonly body: unknown }

const numbered = (what: string) => {
  const known = new Map<string, string>()
  return {
    known,
    of(value: string): string {
      const name = known.get(value) ?? `<${what} ${known.size + 1}>`
      known.set(value, name)
      return name
    },
  }
}

/** By writer and without times, of which kube-apiserver forgets some where nothing else changes; so their order, which is by time, does not matter. */
const managersOf = (entries: readonly unknown[]): Readonly<Record<string, unknown>> => {
  const out: Record<string, unknown> = {}
  for (const e of entries) {
    if (!isObject(e)) return { unreadable: entries }
    const { manager, operation, subresource = '', time: _, ...rest } = e
    let name = `${String(operation)} ${String(manager)}${subresource === '' ? '' : ` ${String(subresource)}`}`
    while (out[name] !== undefined) name += ' again'
    out[name] = rest
  }
  return out
}

/** Shorter ones are words of a sequence, the same for both. */
const idAtLeast = 8
/** A made-up name is cut to make room for its five letters. */
const prefixAtMost = 58
/** Of what was refused only the answer tells the name. */
const withoutSuffix = (name: unknown): unknown => (typeof name === 'string' ? name.replace(/(?<=[-_])[bcdfghjklmnpqrstvwxz2456789]{5}$/, '<made up>') : name)

/** Each once: theirs checks some things twice. */
const causesOf = (causes: readonly unknown[]): readonly string[] => [...new Set(causes.map((c) => (isObject(c) ? `${String(c['field'] ?? '')} ${String(c['reason'] ?? '')}` : String(c))))].toSorted()

/** What it is about: fields that are unknown or stand twice by name, anything else by the field with which it begins. */
const warningOf = (text: string): string => (/^(unknown|duplicate) field /.test(text) ? text : text.replace(/^\./, '').split(/[ :]/)[0]!)

interface Made { readonly metadata?: { readonly generateName?: string; readonly resourceVersion?: string } }
/** Objects with made-up names stand in the order of those names; here, of their versions. */
const inOrder = (v: unknown): unknown => {
  if (!isObject(v)) return v
  const sorted = (list: unknown, of: (x: any) => Made | undefined): unknown => {
    if (!Array.isArray(list)) return list
    const isMade = (x: unknown): boolean => of(x)?.metadata?.generateName !== undefined
    return [...list.filter((x) => !isMade(x)), ...list.filter(isMade).toSorted((a, b) => Number(of(a)!.metadata!.resourceVersion) - Number(of(b)!.metadata!.resourceVersion))]
  }
  return { ...v, ...(v['items'] !== undefined && { items: sorted(v['items'], (x: Made) => x) }), ...(v['rows'] !== undefined && { rows: sorted(v['rows'], (x: { readonly object?: Made | null }) => x.object ?? undefined) }) }
}

/** One for the answers of one server to one sequence. */
export const normaliser = (): ((answer: Answer) => Comparable) => {
  const uids = numbered('uid')
  const versions = numbered('version')
  const names = numbered('name')

  const rename = (text: string): string => [...uids.known, ...names.known].filter(([from]) => from.length >= idAtLeast).reduce((t, [from, to]) => t.replaceAll(from, to), text)
  const learn = (v: unknown): void => {
    if (Array.isArray(v)) v.forEach(learn)
    else if (isObject(v)) {
      const { metadata } = v
      if (isObject(metadata)) {
        const { uid, name, generateName } = metadata
        if (typeof uid === 'string') uids.of(uid)
        if (typeof name === 'string' && typeof generateName === 'string' && generateName !== '' && name.startsWith(generateName.slice(0, prefixAtMost))) names.of(name)
      }
      for (const part of ['items', 'rows', 'object', 'events']) if (typeof v[part] === 'object') learn(v[part])
    }
  }
  const walk = (v: unknown, key: string, parent: Readonly<Record<string, unknown>>): unknown => {
    if (typeof v === 'string') {
      if (times.has(key) && /^\d{4}-\d\d-\d\dT/.test(v)) return '<time>'
      if (key === 'resourceVersion') return parent['name'] === undefined ? '<list version>' : versions.of(v)
      if (key === 'continue') return '<token>'
      if (key === 'cells' && /^\d+s$/.test(v)) return '<age>'
      return rename(v)
    }
    if (Array.isArray(v)) return key === 'managedFields' ? walk(managersOf(v), key, parent) : v.map((x) => walk(x, keptInLists.has(key) ? key : '', parent))
    if (!isObject(v)) return v
    if (v['kind'] === 'Status' && v['apiVersion'] === 'v1') {
      const { message: _, details, ...rest } = v
      const { causes, ...more } = (isObject(details) ? details : {})
      const said = { ...rest, ...(details !== undefined && { details: { ...more, ...(more['name'] !== undefined && { name: withoutSuffix(more['name']) }), ...(Array.isArray(causes) && { causes: causesOf(causes).join(', ') }) } }) }
      return Object.fromEntries(Object.entries(said).map(([k, x]) => [k, walk(x, k, said)]))
    }
    // Sent when the server likes; the one that ends the initial events says so.
    if (Array.isArray(v['events'])) return { events: v['events'].filter((e) => !(isObject(e) && e['type'] === 'BOOKMARK' && !JSON.stringify(e).includes('initial-events-end'))).map((e) => walk(e, '', {})) }
    return Object.fromEntries(Object.entries(v).filter(([k, x]) => !(k === 'continue' && x === '') && !(k === 'description' && key === 'columnDefinitions')).map(([k, x]) => [rename(k), walk(x, k, v)]))
  }
  return ({ code, body: answered, warnings }) => {
    const body = inOrder(answered)
    learn(body)
    return { code, warnings: warnings.map(warningOf).toSorted(), body: walk(body, '', {}) }
  }
}
