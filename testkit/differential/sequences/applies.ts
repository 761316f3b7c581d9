/** Server-side apply: owners of fields, conflicts, force, what goes when nobody names it any more. */
import { LabCluster } from '../../../src/apiserver/testing/lab-kind.ts'
import type { Sequence, Step } from '../sequence.ts'
import { answered, apply, cluster, create, get, json, merge, of, update } from '../steps.ts'

const lab = (name: string, ...steps: readonly Step[]): Sequence => ({ name, kind: LabCluster, steps })
const one = (spec: object = {}, metadata: object = {}, more = '') => apply('a', cluster('a', spec, metadata), `fieldManager=one${more}`)
/** Without the site that `cluster` gives. */
const bare = (spec: object, metadata: object = {}): object => ({ apiVersion: 'lab.skerry.test/v1', kind: 'Cluster', metadata: { name: 'a', ...metadata }, spec })
const two = (spec: object, metadata: object = {}, more = '') => apply('a', bare(spec, metadata), `fieldManager=two${more}`)

export const applies: readonly Sequence[] = [
  lab('apply creates, and again changes nothing', one(), one(), one({ replicas: 3 }), one(), get('a')),
  lab('two managers agree', one({ replicas: 4 }), two({ replicas: 4 }), one(), two({}), get('a')),
  lab('two managers disagree', one({ replicas: 4 }), two({ replicas: 5 }), two({ replicas: 5, mode: 'fast' }), two({ replicas: 5 }, {}, '&force=true'), one({ replicas: 4 }), one({ replicas: 4 }, {}, '&force=true'), get('a')),
  lab('conflict with an update', create(cluster('a', { replicas: 4 })), two({ replicas: 5 }), two({ replicas: 4 }), two({ replicas: 5 }), two({ replicas: 5 }, {}, '&force=true'), get('a')),
  lab('conflicts in many places', create(cluster('a', { tags: ['t'], options: { k: 'v' }, pools: [{ name: 'x', size: 1 }], zones: ['z'] }, { labels: { l: '1' } })), two({ site: 'other', tags: ['t'], options: { k: 'w' }, pools: [{ name: 'x', size: 2 }], zones: ['y'] }, { labels: { l: '2' } })),
  lab('list maps', one({ pools: [{ name: 'x', size: 1 }] }), two({ pools: [{ name: 'y', size: 2 }] }), two({ pools: [{ name: 'x', size: 3 }] }), two({ pools: [{ name: 'x' }] }), one({ pools: [] }), one(), two({}), get('a')),
  lab('an item that another changed', one({ pools: [{ name: 'x' }, { name: 'y' }] }), merge('a', { spec: { pools: [{ name: 'x', size: 1, labels: { k: 'v' } }, { name: 'y', size: 2 }, { name: 'z' }] } }), one({ pools: [{ name: 'y' }] }), two({ pools: [{ name: 'y' }] }), one(), get('a')),
  lab('sets', one({ tags: ['a', 'b'] }), two({ tags: ['b', 'c'] }), one({ tags: ['d'] }), two({}), one(), get('a')),
  lab('order of lists', one({ tags: ['a', 'b', 'c'], pools: [{ name: 'x' }, { name: 'y' }] }), one({ tags: ['c', 'a', 'b'], pools: [{ name: 'y' }, { name: 'x' }] }), two({ tags: ['z', 'b'], pools: [{ name: 'z' }, { name: 'x' }] }), one({ tags: ['n', 'a'], pools: [{ name: 'n' }, { name: 'y' }] }), get('a')),
  lab('atomic lists', one({ zones: ['a', 'b'] }), two({ zones: ['c'] }), two({ zones: ['a', 'b'] }), two({ zones: ['c'] }, {}, '&force=true'), one(), get('a')),
  lab('maps', one({ options: { a: '1' } }), two({ options: { b: '2' } }), two({ options: { a: '2' } }), one({ options: {} }), one(), two({}), get('a')),
  lab('empty things', one({ options: {}, tags: [], pools: [], zones: [] }, { labels: {}, annotations: {} }), two({ options: {} }), one(), get('a')),
  lab('labels, annotations, finalizers', one({}, { labels: { a: '1' }, annotations: { n: '1' }, finalizers: ['skerry.dev/one'] }), two({}, { labels: { b: '2' }, finalizers: ['skerry.dev/two'] }), one(), two({}), get('a')),
  lab('owner references', one({}, { ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'u1' }] }), two({}, { ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'y', uid: 'u2' }] }), two({}, { ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'z', uid: 'u1' }] }), one(), get('a')),
  lab('nulls', one({ mode: null }), one({ replicas: null }), one({ options: { a: null } }), one({ options: null, pools: null }), get('a')),
  lab('labels of null', one({}, { labels: { a: null, b: '1' }, annotations: null }), get('a')),
  lab('defaults come back', one({ replicas: 5 }), one(), one({ replicas: 5 }), two({ replicas: 5 }), one(), two({}), get('a')),
  lab('status is not in it', apply('a', { ...cluster('a'), status: { phase: 'X' } }, 'fieldManager=one'), get('a')),
  lab('status by apply', one(), apply('a', { ...bare({}), spec: undefined, status: { phase: 'X', conditions: [{ type: 'A', status: 'True' }] } }, 'fieldManager=s', '/status'), apply('a', { ...bare({}), spec: undefined, status: { conditions: [{ type: 'B', status: 'True' }] } }, 'fieldManager=t', '/status'), apply('a', { ...bare({}), spec: undefined, status: { phase: 'Y' } }, 'fieldManager=t', '/status'), apply('a', { ...bare({}), spec: undefined }, 'fieldManager=s', '/status'), apply('a', { ...bare({ site: 'elsewhere' }), status: { phase: 'Z' } }, 'fieldManager=s', '/status'), get('a')),
  lab('status of what is not there', apply('b', { ...cluster('b'), status: {} }, 'fieldManager=s', '/status')),
  lab('scale by apply', one({ replicas: 4 }), apply('a', { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'a' }, spec: { replicas: 6 } }, 'fieldManager=scaler', '/scale'), apply('a', { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'a' }, spec: { replicas: 6 } }, 'fieldManager=scaler&force=true', '/scale'), one({ replicas: 4 }), one(), get('a')),
  lab('scale of a default', one(), merge('a', { spec: { replicas: 6 } }, 'fieldManager=scaler', '/scale'), get('a')),
  lab('applied, then emptied', one({ options: { a: '1' } }), one({ options: {} })),
  lab('after an update', one({ replicas: 4, options: { a: '1' } }), update('a', answered(1, { replicas: 5, options: { a: '2', b: '3' } })), one({ replicas: 4, options: { a: '1' } }), one({ options: { a: '2' } }), get('a')),
  lab('after patches', one({ replicas: 4, tags: ['a'] }), merge('a', { spec: { replicas: 5, tags: ['a', 'b'] } }), json('a', [{ op: 'remove', path: '/spec/tags/0' }]), one({ tags: ['c'] }), get('a')),
  lab('after nobody owns it', create(cluster('a', { replicas: 4, options: { k: 'v' } })), update('a', answered(1, {}, { managedFields: [{}] })), one({ replicas: 6 }), one(), get('a')),
  lab('a manager that updates and applies', create(cluster('a', { replicas: 4, mode: 'fast' }), 'fieldManager=one'), one({ replicas: 4 }), one({ replicas: 5 }), one({ replicas: 5 }, {}, '&force=true'), one(), get('a')),
  lab('without a manager', apply('a', cluster('a'), ''), apply('a', cluster('a'), 'fieldManager='), apply('a', cluster('a'), 'fieldManager=one&force=maybe'), merge('a', {}, 'fieldManager=x&force=true')),
  lab('bodies', apply('a', 'apiVersion: lab.skerry.test/v1\nkind: Cluster\nmetadata:\n  name: a\nspec:\n  site: sto1\n', 'fieldManager=one'), apply('a', '{', 'fieldManager=one'), apply('a', '[]', 'fieldManager=one'), apply('a', '', 'fieldManager=one'), apply('a', 'null', 'fieldManager=one'), apply('a', { metadata: { name: 'a' }, spec: { site: 'x' } }, 'fieldManager=one'), apply('a', { ...cluster('a'), metadata: {} }, 'fieldManager=one'), apply('a', cluster('b'), 'fieldManager=one'), apply('a', { ...cluster('a'), apiVersion: 'lab.skerry.test/v2' }, 'fieldManager=one'), apply('a', { ...cluster('a'), kind: 'Other' }, 'fieldManager=one')),
  lab('what does not fit', one({ replicas: 'x' }), one({ replicas: -1 }), one({ pools: [{ size: 1 }] }), one({ pools: [{ name: 'x' }, { name: 'x' }] }), one({ tags: ['x', 'x'] }), one({ tags: 'x' }), one({ pools: { a: 1 } }), one({ options: ['x'] }), one({ options: { a: 1 } }), apply('a', bare({}), 'fieldManager=one'), apply('a', { ...bare({}), spec: 'x' }, 'fieldManager=one'), one({}, { labels: { 'bad key': 'x' } }), one({}, { managedFields: [{}] }), one({ bogus: 1 }, {}, '&fieldValidation=Strict'), one({ bogus: 1 })),
  lab('an empty list of managers', one({}, { managedFields: [] })),
  lab('preconditions', one({}, { uid: 'other' }), one({}, { resourceVersion: '5' }), one(), apply('a', (s) => cluster('a', { replicas: 4 }, { resourceVersion: of(3, 'resourceVersion')(s) }), 'fieldManager=one'), apply('a', (s) => cluster('a', { replicas: 5 }, { resourceVersion: of(3, 'resourceVersion')(s) }), 'fieldManager=one'), one({}, { uid: 'other' }), apply('a', (s) => cluster('a', { replicas: 6 }, { uid: of(3, 'uid')(s) }), 'fieldManager=one'), one({}, { generation: 7, creationTimestamp: '2020-01-01T00:00:00Z' })),
  lab('dry', one({}, {}, '&dryRun=All'), get('a'), one(), one({ replicas: 7 }, {}, '&dryRun=All'), two({ site: 'other' }, {}, '&dryRun=All'), get('a')),
  lab('generateName', apply('a', { apiVersion: 'lab.skerry.test/v1', kind: 'Cluster', metadata: { generateName: 'x-' }, spec: { site: 'x' } }, 'fieldManager=one')),
]
