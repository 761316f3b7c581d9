/** Parts of objects of the lab's kind, of few words so that they meet: every kind of list and map that server-side apply knows, nested too. */
import fc from 'fast-check'

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 })
export const word = fc.constantFrom('a', 'b', 'c')
const words = fc.dictionary(word, word, { minKeys: 1, maxKeys: 2 })
const set = fc.uniqueArray(word, { maxLength: 3 })
const effect = optional(fc.constantFrom('NoSchedule', 'NoExecute'))
const taints = fc.uniqueArray(fc.record({ key: word, effect, value: optional(word) }), { selector: (t) => `${t.key} ${t.effect ?? 'NoSchedule'}`, maxLength: 3 })

export const pool = fc.record({ name: word, size: optional(fc.integer({ min: 0, max: 2 })), labels: optional(words), zones: optional(set), taints: optional(taints) })
export const spec = fc.record({
  site: fc.constantFrom('sto1', 'sto2'), replicas: optional(fc.integer({ min: 0, max: 3 })), mode: optional(fc.constantFrom('fast', 'safe')), payload: optional(word),
  pools: optional(fc.uniqueArray(pool, { selector: (p) => p.name, maxLength: 3 })), tags: optional(set), zones: optional(fc.array(word, { maxLength: 2 })), options: optional(words), selector: optional(words),
})
/** Never empty: theirs drops what an apply emptied. */
export const someSpec = spec.chain((s) => fc.subarray(Object.keys(s) as (keyof typeof s)[]).map((keys) => ({ site: s.site, ...Object.fromEntries(keys.map((k) => [k, s[k]])) })))

const owner = (uid: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', name: `of-${uid}`, uid })
export const metadata = fc.record({
  labels: optional(words), annotations: optional(fc.dictionary(word, word, { minKeys: 1, maxKeys: 1 })), finalizers: optional(fc.uniqueArray(fc.constantFrom('skerry.dev/a', 'skerry.dev/b'), { minLength: 1, maxLength: 2 })),
  ownerReferences: fc.option(fc.uniqueArray(word, { minLength: 1, maxLength: 2 }).map((uids) => uids.map(owner)), { nil: undefined, freq: 6 }),
})
export const status = fc.record({ phase: word, replicas: optional(fc.integer({ min: 0, max: 2 })), conditions: optional(fc.uniqueArray(fc.record({ type: word, status: fc.constantFrom('True', 'False') }), { selector: (c) => c.type, maxLength: 2 })) })

export const operation = fc.oneof(
  fc.record({ op: fc.constantFrom('add', 'replace', 'test'), path: fc.constantFrom('/spec/replicas', '/spec/options/a', '/spec/tags/-', '/spec/tags/0', '/spec/pools/0/size', '/spec/pools/0/taints', '/spec/selector', '/metadata/labels/a', '/metadata/annotations', '/spec/mode'), value: fc.constantFrom<unknown>(1, 'b', null, { a: 'b' }, [{ key: 'a' }]) }),
  fc.record({ op: fc.constant('remove'), path: fc.constantFrom('/spec/mode', '/spec/options', '/spec/tags/0', '/spec/pools/0', '/spec/pools/0/zones', '/metadata/labels', '/metadata/finalizers') }),
  fc.record({ op: fc.constant('move'), from: fc.constantFrom('/spec/site', '/spec/pools/0'), path: fc.constantFrom('/spec/payload', '/spec/pools/-', '/spec/selector') }),
)
export const selection = fc.constantFrom('', 'labelSelector=a', 'labelSelector=a%3Da', 'labelSelector=a+notin+(a,b)', 'labelSelector=!b', 'fieldSelector=metadata.name%3Da', 'fieldSelector=spec.site%3Dsto1', 'fieldSelector=spec.site!%3Dsto1&labelSelector=a')
