/** Creation: defaults, names, what a body must be, unknown fields by level, dry run. */
import { LabCluster } from '../../../src/apiserver/testing/lab-kind.ts'
import type { Sequence, Step } from '../sequence.ts'
import { cluster, create, get, list } from '../steps.ts'

const lab = (name: string, ...steps: readonly Step[]): Sequence => ({ name, kind: LabCluster, steps })
const full = { replicas: 5, pools: [{ name: 'x', size: 1 }, { name: 'y' }], tags: ['a', 'b'], zones: ['z1', 'z2'], options: { k: 'v' }, mode: 'fast' }

export const creates: readonly Sequence[] = [
  lab('create, get, again', create(cluster('a')), get('a'), create(cluster('a')), get('b'), get('a', '/status'), get('a', '/scale')),
  lab('every field', create(cluster('a', full, { labels: { l: '1', 'skerry.dev/x': 'y' }, annotations: { n: 'some text' }, finalizers: ['skerry.dev/f'] })), get('a')),
  lab('status is not the creator\'s', create({ ...cluster('a'), status: { phase: 'Ready' } }), get('a')),
  lab('system metadata is the server\'s', create(cluster('a', {}, { uid: 'mine', generation: 7, creationTimestamp: '2020-01-01T00:00:00Z', deletionTimestamp: '2020-01-01T00:00:00Z', selfLink: '/x', deletionGracePeriodSeconds: 5 })), get('a')),
  lab('a version cannot be given', create(cluster('a', {}, { resourceVersion: '5' })), create(cluster('b', {}, { resourceVersion: '0' })), create(cluster('c', {}, { resourceVersion: '' }))),
  lab('managedFields given', create(cluster('a', {}, { managedFields: [{ manager: 'x', operation: 'Update', apiVersion: 'lab.skerry.test/v1', fieldsType: 'FieldsV1', fieldsV1: { 'f:spec': { 'f:site': {} } } }] })), get('a')),
  lab('generateName', create({ ...cluster('x'), metadata: { generateName: 'made-' } }), create({ ...cluster('x'), metadata: { generateName: 'Bad_' } }), create({ ...cluster('x'), metadata: { generateName: 'x'.repeat(80) } }), create(cluster('named', {}, { generateName: 'made-' }))),
  lab('names', ...['Bad_Name', 'a.b', 'a..b', '-a', 'x'.repeat(253), 'x'.repeat(254), 'a/b', '..', ''].map((name) => create(cluster(name))), create({ ...cluster('x'), metadata: {} }), create({ apiVersion: 'lab.skerry.test/v1', kind: 'Cluster', spec: { site: 'a' } })),
  lab('the wrong kind', create({ ...cluster('a'), kind: 'Other' }), create({ ...cluster('a'), apiVersion: 'lab.skerry.test/v2' }), create({ ...cluster('a'), apiVersion: 'other.test/v1' }), create({ ...cluster('a'), kind: undefined }), create({ ...cluster('a'), apiVersion: undefined }), create({ metadata: { name: 'a' }, spec: { site: 'a' } })),
  lab('the wrong namespace', create(cluster('a', {}, { namespace: 'elsewhere' })), create(cluster('b', {}, { namespace: '' }))),
  lab('no object', create('{'), create('[]'), create('null'), create('"x"'), create(''), create('{}')),
  lab('no content type that is known', create('x', '', 'text/plain'), create('apiVersion: lab.skerry.test/v1\nkind: Cluster\nmetadata: {name: yy}\nspec: {site: sto1}\n', '', 'application/yaml'), create('a: [', '', 'application/yaml')),
  lab('values that do not fit', create(cluster('a', { site: 's'.repeat(64) })), create(cluster('a', { replicas: -1 })), create(cluster('a', { replicas: 1001 })), create(cluster('a', { mode: 'slow' })), create(cluster('a', { replicas: 1.5 })), create(cluster('a', { replicas: 2.0 }))),
  lab('types that do not fit', ...[{ site: 5 }, { replicas: 'x' }, { pools: {} }, { pools: ['x'] }, { pools: [{ size: 1 }] }, { tags: [1] }, { options: [] }, { options: { a: 1 } }, { options: 'x' }].map((spec) => create(cluster('a', spec))), create({ ...cluster('b'), spec: 'x' }), create({ ...cluster('b'), spec: [] })),
  lab('many errors at once', create(cluster('a', { site: 's'.repeat(64), replicas: -1, mode: 'slow', pools: [{ size: 'x' }] })), create(cluster('a', { site: 's'.repeat(64), replicas: -1, mode: 'slow' }))),
  lab('required', create({ ...cluster('a'), spec: {} }), create({ ...cluster('a'), spec: undefined }), create({ ...cluster('a'), spec: null }), create(cluster('b', { site: null }))),
  lab('null', create(cluster('a', { replicas: null })), create(cluster('b', { tags: null, options: null, pools: null })), create(cluster('c', { options: { a: null } })), create(cluster('d', { pools: [{ name: 'x', size: null }] })), create(cluster('e', { tags: [null] }))),
  lab('empty lists and maps', create(cluster('a', { tags: [], pools: [], zones: [], options: {} }, { labels: {}, annotations: {}, finalizers: [], ownerReferences: [] })), get('a')),
  lab('items that stand twice', create(cluster('a', { tags: ['x', 'x'] })), create(cluster('b', { pools: [{ name: 'x' }, { name: 'x', size: 2 }] })), create(cluster('c', { zones: ['x', 'x'] }))),
  lab('labels and annotations', create(cluster('a', {}, { labels: { 'bad key': 'x' } })), create(cluster('a', {}, { labels: { k: 'bad value' } })), create(cluster('a', {}, { labels: { k: 1 } })), create(cluster('a', {}, { labels: { k: null } })), create(cluster('b', {}, { labels: 'x' })), create(cluster('b', {}, { annotations: { 'bad key': 'x' } })), create(cluster('b', {}, { annotations: { k: true } })), create(cluster('b', {}, { labels: { 'a/b/c': 'x', 'A.b/c': 'y' } })), create(cluster('b', {}, { annotations: { k: 'x'.repeat(262_145) } }))),
  lab('finalizers', create(cluster('a', {}, { finalizers: ['plain'] })), create(cluster('a', {}, { finalizers: ['a/b/c'] })), create(cluster('a', {}, { finalizers: [1] })), create(cluster('a', {}, { finalizers: ['skerry.dev/f', 'skerry.dev/f'] })), create(cluster('b', {}, { finalizers: ['orphan', 'foregroundDeletion'] })), create(cluster('c', {}, { finalizers: 'x' })), create(cluster('d', {}, { finalizers: [''] }))),
  lab('owners', ...[
    [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'u1' }], [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'u1', controller: true }, { apiVersion: 'v1', kind: 'ConfigMap', name: 'y', uid: 'u2', controller: true }],
    [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'x' }], [{ apiVersion: '', kind: '', name: '', uid: '' }], [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'u1' }, { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'u1' }],
  ].map((ownerReferences, i) => create(cluster(`a${i}`, {}, { ownerReferences })))),
  lab('unknown fields', ...['Strict', 'Warn', 'Ignore', '', 'Other'].map((level, i) => create(cluster(`a${i}`, { bogus: 1, constructor: 2, pools: [{ name: 'x', bogus: 1 }] }), `fieldManager=m&fieldValidation=${level}`)), create({ ...cluster('b'), bogus: 1 }), create({ ...cluster('c'), status: { bogus: 1 } }), create(cluster('d', {}, { bogus: 1 })), create(cluster('e', {}, { bogus: 1 }), 'fieldValidation=Strict')),
  lab('fields that stand twice', ...['Strict', 'Warn', 'Ignore'].map((level) => create(`{"apiVersion":"lab.skerry.test/v1","kind":"Cluster","metadata":{"name":"a-${level.toLowerCase()}"},"spec":{"site":"a","site":"b"}}`, `fieldValidation=${level}`))),
  lab('dry run', create(cluster('a'), 'fieldManager=m&dryRun=All'), get('a'), create(cluster('a'), 'fieldManager=m&dryRun=Some'), create(cluster('a'), 'dryRun=All&dryRun=All'), create(cluster('a')), create(cluster('a'), 'dryRun=All'), create({ ...cluster('x'), metadata: { generateName: 'made-' } }, 'dryRun=All'), list()),
  lab('managers', create(cluster('a'), ''), create(cluster('b'), 'fieldManager='), create(cluster('c'), `fieldManager=${'m'.repeat(129)}`), create(cluster('d'), 'fieldManager=%00')),
  lab('options that are not known', create(cluster('a'), 'bogus=1'), get('a', '', 'bogus=1'), list('bogus=1')),
]
