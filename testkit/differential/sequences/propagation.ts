/** What goes when an owner or a namespace goes; needs somebody who collects garbage on both sides, so these run by themselves. */
import { LabCluster } from '../../../src/apiserver/testing/lab-kind.ts'
import type { Sequence, Step } from '../sequence.ts'
import { cluster, create, get, list, merge, of, remove } from '../steps.ts'
import type { Answer } from '../subject.ts'

const lab = (name: string, ...steps: readonly Step[]): Sequence => ({ name, kind: LabCluster, steps })
type Seen = readonly Answer[]
/** An object whose owners are what was made at these steps. */
const owned = (name: string, by: readonly number[], more: object = {}) => create((seen: Seen) => cluster(name, {}, { ownerReferences: by.map((step) => ({ apiVersion: 'lab.skerry.test/v1', kind: 'Cluster', name: seen[step - 1]!.body.metadata.name, uid: of(step, 'uid')(seen), blockOwnerDeletion: true })), ...more }))
const until = (step: Step, holds: (answer: Answer) => boolean): Step => ({ ...step, until: holds })
const isGone = ({ code }: Answer): boolean => code === 404
const isEmpty = ({ body }: Answer): boolean => body.items.length === 0
const isGoing = ({ body }: Answer): boolean => body.metadata?.deletionTimestamp !== undefined
const finalizers = ['skerry.dev/f']
const namespace = (what: 'GET' | 'DELETE'): Step => ({ what: `${what} namespace`, method: what, isAbsolute: true, path: (seen) => `/api/v1/namespaces/${seen[0]!.body.metadata.namespace}`, pick: (b) => (b.kind === 'Status' ? b : { phase: b.status.phase, finalizers: b.spec.finalizers, isGoing: b.metadata.deletionTimestamp !== undefined }) })

export const propagation: readonly Sequence[] = [
  lab('background', create(cluster('a')), owned('b', [1]), owned('c', [2]), create(cluster('d')), remove('a'), until(list(), ({ body }) => body.items.length === 1)),
  lab('orphans', create(cluster('a')), owned('b', [1]), remove('a', { propagationPolicy: 'Orphan' }), until(get('a'), isGone), get('b')),
  lab('foreground, held', create(cluster('a')), owned('b', [1], { finalizers }), remove('a', { propagationPolicy: 'Foreground' }), until(get('b'), isGoing), get('a'), merge('b', { metadata: { finalizers: ['skerry.dev/f'] } }), merge('b', { metadata: { finalizers: null } }), until(list(), isEmpty)),
  lab('foreground through two', create(cluster('a')), owned('b', [1]), owned('c', [2], { finalizers }), remove('a', { propagationPolicy: 'Foreground' }), until(get('c'), isGoing), get('b'), get('a'), merge('c', { metadata: { finalizers: null } }), until(list(), isEmpty)),
  lab('one owner of two', create(cluster('a')), create(cluster('b')), owned('c', [1, 2]), remove('a'), until(get('c'), ({ body }) => body.metadata?.ownerReferences?.length === 1), remove('b'), until(list(), isEmpty)),
  lab('an owner that never was', create(cluster('a', {}, { ownerReferences: [{ apiVersion: 'lab.skerry.test/v1', kind: 'Cluster', name: 'none', uid: 'none' }] })), until(list(), isEmpty)),
  lab('an owner of that name and another uid', create(cluster('a')), create(cluster('b', {}, { ownerReferences: [{ apiVersion: 'lab.skerry.test/v1', kind: 'Cluster', name: 'a', uid: 'other' }] })), until(get('b'), isGone), get('a')),
  lab('a namespace', create(cluster('a')), create(cluster('b', {}, { finalizers })), namespace('DELETE'), until(get('b'), isGoing), until(get('a'), isGone), create(cluster('c')), namespace('GET'), merge('b', { metadata: { finalizers: null } }), until(namespace('GET'), isGone), create(cluster('d'))),
]
