/** Sequences made by fast-check over the lab's kind: two objects, some managers, every way of writing but /scale, whose owners theirs knows only where the field had one. */
import fc from 'fast-check'
import { LabCluster } from '../../src/apiserver/testing/lab-kind.ts'
import type { Sequence, Step } from './sequence.ts'
import { apply, create, get, json, merge, remove, update } from './steps.ts'
import type { Answer } from './subject.ts'

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 })
const word = fc.constantFrom('a', 'b', 'c')
const spec = fc.record({
  site: fc.constantFrom('sto1', 'sto2'), replicas: optional(fc.integer({ min: 0, max: 3 })), mode: optional(fc.constantFrom('fast', 'safe')), payload: optional(word),
  pools: optional(fc.uniqueArray(fc.record({ name: word, size: optional(fc.integer({ min: 0, max: 2 })) }), { selector: (p) => p.name, maxLength: 3 })),
  tags: optional(fc.uniqueArray(word, { maxLength: 3 })), zones: optional(fc.array(word, { maxLength: 2 })), options: optional(fc.dictionary(word, word, { minKeys: 1, maxKeys: 2 })),
})
/** Never empty: theirs drops what an apply emptied. */
const someSpec = spec.chain((s) => fc.subarray(Object.keys(s) as (keyof typeof s)[]).map((keys) => ({ site: s.site, ...Object.fromEntries(keys.map((k) => [k, s[k]])) })))
const metadata = fc.record({ labels: optional(fc.dictionary(word, word, { minKeys: 1, maxKeys: 2 })), annotations: optional(fc.dictionary(word, word, { minKeys: 1, maxKeys: 1 })), finalizers: optional(fc.uniqueArray(fc.constantFrom('skerry.dev/a', 'skerry.dev/b'), { minLength: 1, maxLength: 2 })) })
const status = fc.record({ phase: word, replicas: optional(fc.integer({ min: 0, max: 2 })), conditions: optional(fc.uniqueArray(fc.record({ type: word, status: fc.constantFrom('True', 'False') }), { selector: (c) => c.type, maxLength: 2 })) })
const name = fc.constantFrom('a', 'a', 'a', 'b')
const manager = fc.constantFrom('one', 'two', 'three')
const flag = (text: string) => fc.constantFrom('', '', '', text)

const object = (n: string, m: object, parts: object): object => ({ apiVersion: 'lab.skerry.test/v1', kind: 'Cluster', metadata: { name: n, ...m }, ...parts })
/** What was last seen of an object, changed. */
const last = (seen: readonly Answer[], n: string): any => seen.findLast((a) => a.body?.kind === 'Cluster' && a.body.metadata.name === n)?.body
const query = (m: string, ...flags: readonly string[]): string => [`fieldManager=${m}`, ...flags.filter((f) => f !== '')].join('&')
const dry = flag('dryRun=All')
const nullable = (o: object, nulls: readonly string[]): object => ({ ...o, ...Object.fromEntries(nulls.map((k) => [k, null])) })
const nulls = fc.subarray(['replicas', 'mode', 'pools', 'tags', 'options'], { maxLength: 1 })
const operation = fc.oneof(
  fc.record({ op: fc.constant('add'), path: fc.constantFrom('/spec/replicas', '/spec/options/a', '/spec/tags/-', '/metadata/labels/a'), value: fc.constantFrom<unknown>(1, 'b') }),
  fc.record({ op: fc.constant('remove'), path: fc.constantFrom('/spec/mode', '/spec/options', '/spec/tags/0', '/spec/pools/0', '/metadata/labels', '/metadata/finalizers') }),
)

const step: fc.Arbitrary<readonly Step[]> = fc.oneof(
  { weight: 2, arbitrary: fc.tuple(name, metadata, spec, manager, dry).map(([n, m, s, w, d]) => [create(object(n, m, { spec: s }), query(w, d))]) },
  { weight: 6, arbitrary: fc.tuple(name, metadata, someSpec, manager, flag('force=true'), dry).map(([n, m, s, w, f, d]) => [apply(n, object(n, m, { spec: s }), query(w, f, d))]) },
  { weight: 3, arbitrary: fc.tuple(name, metadata, someSpec, manager, dry).map(([n, m, s, w, d]) => [get(n), update(n, (seen: readonly Answer[]) => {
    const have = last(seen, n)
    return object(n, { ...have?.metadata, ...m }, { spec: { ...have?.spec, ...s } })
  }, query(w, d))]) },
  { weight: 3, arbitrary: fc.tuple(name, metadata, someSpec, nulls, manager, dry).map(([n, m, s, z, w, d]) => [merge(n, { metadata: m, spec: nullable(s, z) }, query(w, d))]) },
  { weight: 2, arbitrary: fc.tuple(name, fc.array(operation, { minLength: 1, maxLength: 2 }), manager).map(([n, operations, w]) => [json(n, operations, query(w))]) },
  { weight: 2, arbitrary: fc.tuple(name, status, manager).map(([n, s, w]) => [merge(n, { status: s }, query(w), '/status')]) },
  { weight: 2, arbitrary: fc.tuple(name, status, manager, flag('force=true')).map(([n, s, w, f]) => [apply(n, object(n, {}, { status: s }), query(w, f), '/status')]) },
  { weight: 1, arbitrary: fc.tuple(name, fc.constantFrom('', 'Foreground', 'Orphan')).map(([n, policy]) => [remove(n, undefined, policy === '' ? '' : `propagationPolicy=${policy}`), get(n)]) },
)

/** Begins with an object, so that most steps find one. */
export const generatedSequence: fc.Arbitrary<Sequence> = fc.tuple(spec, fc.array(step, { minLength: 1, maxLength: 8 })).map(([s, steps]) => ({
  name: 'generated', kind: LabCluster, steps: [apply('a', object('a', {}, { spec: s }), 'fieldManager=one'), ...steps.flat()],
}))
