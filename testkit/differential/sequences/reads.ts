/** Reading: selectors, pages, Tables, metadata only. */
import { LabCluster } from '../../../src/apiserver/testing/lab-kind.ts'
import type { Sequence, Step } from '../sequence.ts'
import { as, cluster, create, get, list, merge, partial, partialList, table, token } from '../steps.ts'

const some = ['a', 'b', 'c', 'd', 'e'].map((name, i) => create(cluster(name, { site: `sto${i % 2}` }, { labels: { n: String(i), ...(i % 2 === 0 && { even: '' }) } })))
const lab = (name: string, ...steps: readonly Step[]): Sequence => ({ name, kind: LabCluster, steps: [...some, ...steps] })
const q = (selector: string): string => `labelSelector=${encodeURIComponent(selector)}`
const f = (selector: string): string => `fieldSelector=${encodeURIComponent(selector)}`

export const reads: readonly Sequence[] = [
  lab('lists', list(), get('a'), list('resourceVersion=0'), list('resourceVersion=0&resourceVersionMatch=NotOlderThan')),
  lab('label selectors', ...['n=1', 'n==1', 'n!=1', 'n in (1,2)', 'n notin (1,2)', 'even', '!even', 'n=1,even', 'n in (1', 'n==', 'n>2', 'n<2', 'n>x', 'a b', '=x', 'even=', 'bad key=1', 'n=bad value', ',', 'n in ()', 'n in (1,)', '! even', 'toString'].map((s) => list(q(s)))),
  lab('field selectors', ...['metadata.name=a', 'metadata.name!=a', 'spec.site=sto1', 'spec.site!=sto1', 'spec.site=', 'spec.replicas=3', 'metadata.uid=x', 'bogus', 'metadata.name=a,spec.site=sto0', 'metadata.name==b', 'metadata.namespace=x', ''].map((s) => list(f(s)))),
  lab('pages', list('limit=2'), list((s) => `limit=2&continue=${token(6)(s)}`), list((s) => `limit=2&continue=${token(7)(s)}`), list('limit=5'), list('limit=0'), list('limit=-1'), list('limit=x'), list('continue=bogus'), list((s) => `limit=2&continue=${token(6)(s)}&resourceVersion=5`), list(`limit=2&${q('even')}`), list((s) => `continue=${token(6)(s)}`)),
  lab('pages of one moment', list('limit=2'), merge('c', { spec: { replicas: 9 } }), create(cluster('f')), list((s) => `limit=2&continue=${token(6)(s)}`)),
  lab('versions', list('resourceVersion=x'), list('resourceVersion=-1'), list('resourceVersionMatch=Exact'), list('resourceVersion=0&resourceVersionMatch=Exact'), list('resourceVersion=1&resourceVersionMatch=Bogus'), get('a', '', 'resourceVersion=0'), get('a', '', 'resourceVersion=x'), list('sendInitialEvents=true')),
  lab('metadata only', as(get('a'), partial, 'metadata'), as(list(), partialList, 'metadata'), as(list('limit=1'), partialList, 'metadata'), as(list('labelSelector=none'), partialList, 'metadata')),
  lab('tables', as(get('a'), table, 'Table'), as(list(), table, 'Table'), as(list('includeObject=None'), table, 'Table'), as(list('includeObject=Object&limit=1'), table, 'Table'), as(list('includeObject=Bogus'), table, 'Table')),
  lab('what is accepted', as(get('a'), 'text/html', 'html'), as(get('a'), '*/*', 'anything'), as(get('a'), 'application/*', 'application'), as(get('a'), 'application/json;as=Bogus;v=v1;g=meta.k8s.io', 'bogus'), as(get('a'), `${table},application/json`, 'Table or JSON'), as(get('a'), 'text/html, application/json', 'html or JSON')),
]
