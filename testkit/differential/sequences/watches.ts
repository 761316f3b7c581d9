/** Watches: what came after a version, with selectors that objects enter and leave, as objects, Tables and metadata only; what is there first. */
import { LabCluster } from '../../../src/apiserver/testing/lab-kind.ts'
import type { Sequence } from '../sequence.ts'
import { as, cluster, create, merge, of, partial, remove, removeAll, table, update, current, watch } from '../steps.ts'

const changes = [
  create(cluster('a', {}, { labels: { l: '1' } })), create(cluster('b', { site: 'sto2' }, { labels: { l: '2' } })), merge('a', { metadata: { labels: { l: '2' } } }), merge('b', { metadata: { labels: { l: '1' } } }),
  merge('a', { spec: { site: 'sto2' } }), merge('a', { spec: { site: 'sto2' } }), merge('b', { status: { phase: 'Up' } }, 'fieldManager=s', '/status'), update('a', current(1, { replicas: 7 }, { finalizers: ['skerry.dev/f'] })),
  merge('b', { spec: { replicas: 8 } }, 'dryRun=All'), remove('a'), remove('b'), merge('a', { metadata: { finalizers: null } }), create(cluster('b', {}, { labels: { l: '3' } })), create(cluster('c', {}, { labels: { l: '1' } })), removeAll('labelSelector=l%3D3'),
]
const first = of(1, 'resourceVersion')
const initial = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true'
const selectors = ['labelSelector=l%3D1', 'labelSelector=l+in+(1,2)', 'labelSelector=!l', 'fieldSelector=metadata.name%3Da', 'fieldSelector=spec.site%3Dsto2', 'fieldSelector=spec.site!%3Dsto2&labelSelector=l']

export const watches: readonly Sequence[] = [{
  name: 'watches', kind: LabCluster,
  steps: [
    ...changes, watch('', first), watch('', of(5, 'resourceVersion')), ...selectors.map((s) => watch(s, first)), watch('allowWatchBookmarks=true', first),
    as(watch('', first), table), as(watch('includeObject=None', first), table), as(watch('includeObject=Object', first), table), as(watch('labelSelector=l%3D1', first), table), as(watch('', first), partial), as(watch('labelSelector=l%3D1', first), partial),
    watch(''), watch('resourceVersion=0'), watch(initial), watch(`${initial}&labelSelector=l%3D1`), watch(`${initial}&labelSelector=l%3D9`), watch(initial, first), watch('sendInitialEvents=false&resourceVersionMatch=NotOlderThan'), as(watch(initial), table), as(watch(initial), partial), as(watch(''), table),
  ],
}, {
  name: 'watches that are refused', kind: LabCluster,
  steps: [
    watch('resourceVersion=x'), watch('sendInitialEvents=true'), watch('sendInitialEvents=true&resourceVersionMatch=Exact'), watch('resourceVersionMatch=NotOlderThan'), watch('resourceVersionMatch=Bogus&sendInitialEvents=false'), watch('continue=x'), watch('labelSelector=a%3D%3D%3D'), watch('fieldSelector=spec.other%3D1'),
    watch('includeObject=Bogus'), as(watch('includeObject=Bogus'), table), as(watch(''), 'text/html', 'html'), watch('limit=2'), watch('resourceVersion=99999999'),
  ],
}, {
  name: 'a watch of one object', kind: LabCluster,
  steps: [create(cluster('a')), create(cluster('b')), { ...watch(''), what: 'GET and watch', path: '/a?watch=1&timeoutSeconds=1' }, { ...watch(''), what: 'GET and watch', path: '/none?watch=1&timeoutSeconds=1' }],
}]
