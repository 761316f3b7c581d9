/** Sequences made by fast-check over the lab's kind: two objects, some managers, every way of writing but /scale, whose owners theirs knows only where the field had one; between them all ways of reading. */
import fc from 'fast-check'
import { LabCluster } from '../../src/apiserver/testing/lab-kind.ts'
import { metadata, operation, pool, selection, someSpec, spec, status, word } from './arbitraries.ts'
import type { Sequence, Step } from './sequence.ts'
import { apply, as, create, get, json, list, merge, partialList, remove, removeAll, table, update } from './steps.ts'
import type { Answer } from './subject.ts'

type Steps = fc.Arbitrary<readonly Step[]>

const name = fc.constantFrom('a', 'a', 'a', 'b')
const manager = fc.constantFrom('one', 'two', 'three')
const flag = (text: string) => fc.constantFrom('', '', '', text)
const dry = flag('dryRun=All')
const force = flag('force=true')
const level = fc.constantFrom('', '', 'fieldValidation=Strict', 'fieldValidation=Ignore')
const query = (m: string, ...flags: readonly string[]): string => [`fieldManager=${m}`, ...flags.filter((f) => f !== '')].join('&')

const object = (n: string, m: object, parts: object): object => ({ apiVersion: 'lab.skerry.test/v1', kind: 'Cluster', metadata: { name: n, ...m }, ...parts })
/** What was last seen of an object. */
const last = (seen: readonly Answer[], n: string): any => seen.findLast((a) => a.body?.kind === 'Cluster' && a.body.metadata.name === n)?.body

const creating: Steps = fc.oneof(
  fc.tuple(name, metadata, spec, manager, dry, level).map(([n, m, s, w, d, l]) => [create(object(n, m, { spec: s }), query(w, d, l))]),
  fc.tuple(metadata, spec, manager, dry).map(([m, s, w, d]) => [create({ ...object('', m, { spec: s }), metadata: { ...m, generateName: 'made-' } }, query(w, d))]),
)
const applying: Steps = fc.tuple(name, metadata, someSpec, manager, force, dry, level).map(([n, m, s, w, f, d, l]) => [apply(n, object(n, m, { spec: s }), query(w, f, d, l))])
/** On what was read just before, or, when it is not read again, on what may be old. */
const updating: Steps = fc.tuple(name, metadata, someSpec, manager, dry, fc.constantFrom(true, true, true, false)).map(([n, m, s, w, d, fresh]) => [...(fresh ? [get(n)] : []), update(n, (seen: readonly Answer[]) => {
  const have = last(seen.filter((a) => a.code !== 201), n)
  return object(n, { ...have?.metadata, ...m }, { spec: { ...have?.spec, ...s } })
}, query(w, d))])
const nullable = (o: object, nulls: readonly string[]): object => ({ ...o, ...Object.fromEntries(nulls.map((k) => [k, null])) })
const nulls = fc.subarray(['replicas', 'mode', 'pools', 'tags', 'options', 'selector'], { maxLength: 1 })
const patching: Steps = fc.oneof(
  fc.tuple(name, metadata, someSpec, nulls, manager, dry, level).map(([n, m, s, z, w, d, l]) => [merge(n, { metadata: m, spec: nullable(s, z) }, query(w, d, l))]),
  fc.tuple(name, fc.array(operation, { minLength: 1, maxLength: 3 }), manager, dry).map(([n, operations, w, d]) => [json(n, operations, query(w, d))]),
)
const ofStatus: Steps = fc.oneof(
  fc.tuple(name, status, manager).map(([n, s, w]) => [merge(n, { status: s }, query(w), '/status')]),
  fc.tuple(name, status, manager, force).map(([n, s, w, f]) => [apply(n, object(n, {}, { status: s }), query(w, f), '/status')]),
  fc.tuple(name, status, manager).map(([n, s, w]) => [get(n), update(n, (seen: readonly Answer[]) => ({ ...last(seen, n), ...object(n, last(seen, n)?.metadata, { status: s }) }), query(w), '/status')]),
)
const removing: Steps = fc.oneof(
  fc.tuple(name, fc.constantFrom('', 'propagationPolicy=Foreground', 'propagationPolicy=Orphan', 'propagationPolicy=Background', 'orphanDependents=true', 'gracePeriodSeconds=0'), dry).map(([n, policy, d]) => [remove(n, undefined, [policy, d].filter((x) => x !== '').join('&')), get(n)]),
  fc.tuple(name, fc.constantFrom('uid', 'resourceVersion', 'other', 'both')).map(([n, what]) => [get(n), remove(n, (seen: readonly Answer[]) => {
    const { uid, resourceVersion } = last(seen, n)?.metadata ?? { uid: 'none', resourceVersion: '1' }
    return { preconditions: what === 'uid' ? { uid } : what === 'other' ? { uid: 'other' } : what === 'both' ? { uid, resourceVersion } : { resourceVersion } }
  }), get(n)]),
  name.map((n) => [merge(n, { metadata: { finalizers: null } }), get(n)]),
  selection.map((s) => [removeAll(s), list()]),
)
const reading: Steps = fc.tuple(selection, fc.constantFrom(0, 1, 2), fc.constantFrom('', table, partialList)).map(([s, limit, accept]) => {
  const in_ = (step: Step): Step => (accept === '' ? step : as(step, accept))
  return [in_(limit === 0 ? list(s) : { ...list(`${s}&limit=${limit}`), toEnd: true })]
})
/** What cannot be an object, or one of this kind. */
const failing: Steps = fc.tuple(name, fc.constantFrom<unknown>(null, [], 'x', 1, { name: 1 }, [{}], [null], { a: { b: 1 } }, true), fc.constantFrom('site', 'replicas', 'pools', 'tags', 'zones', 'options', 'mode', 'selector')).chain(([n, value, field]) =>
  fc.constantFrom<readonly Step[]>([create(object(n, {}, { spec: { site: 'sto1', [field]: value } }))], [merge(n, { spec: { [field]: value } })], [json(n, [{ op: 'add', path: `/spec/${field}`, value }])]))
const failingItems: Steps = fc.tuple(name, fc.array(fc.oneof(pool, fc.constantFrom<unknown>(1, {}, { name: 5 }, null, { name: 'a', size: 'x' })), { maxLength: 3 }), fc.array(fc.oneof(word, fc.constantFrom<unknown>(1, null)), { maxLength: 3 })).map(([n, pools, tags]) => [merge(n, { spec: { pools, tags } })])

const step: Steps = fc.oneof(
  { weight: 3, arbitrary: creating }, { weight: 6, arbitrary: applying }, { weight: 3, arbitrary: updating }, { weight: 5, arbitrary: patching }, { weight: 4, arbitrary: ofStatus },
  { weight: 2, arbitrary: removing }, { weight: 2, arbitrary: reading }, { weight: 1, arbitrary: failing }, { weight: 1, arbitrary: failingItems },
)

/** Begins with an object, so that most steps find one. */
export const generatedSequence: fc.Arbitrary<Sequence> = fc.tuple(metadata, spec, fc.array(step, { minLength: 1, maxLength: 8 })).map(([m, s, steps]) => ({
  name: 'generated', isGenerated: true, kind: LabCluster, steps: [apply('a', object('a', m, { spec: s }), 'fieldManager=one'), ...steps.flat()],
}))
