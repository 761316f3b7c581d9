/** Deletion: finalizers, preconditions, propagation, collections. */
import { LabCluster } from '../../../src/apiserver/testing/lab-kind.ts'
import type { Sequence, Step } from '../sequence.ts'
import { apply, answered, cluster, create, get, json, list, merge, of, remove, removeAll, update } from '../steps.ts'

const lab = (name: string, ...steps: readonly Step[]): Sequence => ({ name, kind: LabCluster, steps })
const held = create(cluster('a', {}, { finalizers: ['skerry.dev/f', 'skerry.dev/g'] }))
const plain = create(cluster('a'))

export const removals: readonly Sequence[] = [
  lab('delete', plain, remove('a'), get('a'), remove('a')),
  lab('delete with finalizers', held, remove('a'), get('a'), remove('a'), merge('a', { metadata: { finalizers: ['skerry.dev/g'] } }), merge('a', { spec: { replicas: 9 } }), merge('a', { metadata: { finalizers: ['skerry.dev/g', 'skerry.dev/new'] } }), create(cluster('a')), merge('a', { metadata: { finalizers: null } }), get('a')),
  lab('the last finalizer by PUT', held, remove('a'), update('a', answered(2, {}, { finalizers: [] })), get('a')),
  lab('the last finalizer by apply', apply('a', cluster('a', {}, { finalizers: ['skerry.dev/f'] }), 'fieldManager=one'), remove('a'), apply('a', cluster('a'), 'fieldManager=one'), get('a')),
  lab('the last finalizer by json', held, remove('a'), json('a', [{ op: 'remove', path: '/metadata/finalizers/0' }]), json('a', [{ op: 'remove', path: '/metadata/finalizers' }]), get('a')),
  lab('finalizers of what stays', held, merge('a', { metadata: { finalizers: [] } }), get('a')),
  lab('preconditions', plain, remove('a', { preconditions: { uid: 'other' } }), remove('a', { preconditions: { resourceVersion: '1' } }), remove('a', (s) => ({ preconditions: { uid: of(1, 'uid')(s), resourceVersion: '1' } })), remove('a', (s) => ({ preconditions: { uid: of(1, 'uid')(s), resourceVersion: of(1, 'resourceVersion')(s) } })), get('a')),
  lab('options in the body', plain, remove('a', { kind: 'DeleteOptions', apiVersion: 'v1', dryRun: ['All'] }), remove('a', { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Bogus' }), remove('a', { dryRun: ['Some'] }), remove('a', { gracePeriodSeconds: -1 }), remove('a', '{'), remove('a', { kind: 'Other', apiVersion: 'v1' }), remove('a', { kind: 'DeleteOptions', apiVersion: 'lab.skerry.test/v1' }), get('a')),
  lab('options in the query', plain, remove('a', undefined, 'dryRun=All'), remove('a', undefined, 'propagationPolicy=Bogus'), remove('a', undefined, 'gracePeriodSeconds=5'), get('a')),
  lab('foreground', plain, remove('a', undefined, 'propagationPolicy=Foreground'), get('a'), remove('a', undefined, 'propagationPolicy=Foreground'), merge('a', { metadata: { finalizers: null } }), get('a')),
  lab('orphan', plain, remove('a', { propagationPolicy: 'Orphan' }), get('a')),
  lab('orphan in the old way', plain, remove('a', { orphanDependents: true }), get('a')),
  lab('orphan in two ways', plain, remove('a', { orphanDependents: true, propagationPolicy: 'Foreground' }), get('a')),
  lab('background of what has finalizers', held, remove('a', { propagationPolicy: 'Background' }), get('a')),
  lab('foreground after background', held, remove('a'), remove('a', { propagationPolicy: 'Foreground' }), get('a')),
  lab('delete, dry, with finalizers', held, remove('a', undefined, 'dryRun=All'), get('a')),
  lab('apply onto what goes', held, remove('a'), apply('a', cluster('a', { replicas: 8 }), 'fieldManager=one&force=true'), get('a')),
  lab('apply onto what is to orphan', apply('a', cluster('a', {}, { finalizers: ['skerry.dev/f'] }), 'fieldManager=one'), remove('a', { propagationPolicy: 'Orphan' }), apply('a', cluster('a'), 'fieldManager=one'), get('a')),
  lab('collection', create(cluster('a', {}, { labels: { l: '1' } })), create(cluster('b', {}, { labels: { l: '2' } })), create(cluster('c', {}, { labels: { l: '1' }, finalizers: ['skerry.dev/f'] })), removeAll('labelSelector=l%3D1'), list(), removeAll('dryRun=All'), list(), removeAll(), list()),
  lab('an empty collection', removeAll()),
]
