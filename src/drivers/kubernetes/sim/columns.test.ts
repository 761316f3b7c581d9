/** What kubectl prints is what the server's Table says; its words are those of kube-apiserver. */
import https from 'node:https'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { nodeCalled, startTestCluster, type TestCluster } from '../testing.ts'
import { Deployment, Node, Pod } from './kinds.ts'

let bed: TestCluster
beforeEach(async () => { bed = await startTestCluster() })
afterEach(() => bed.close())

interface Table { readonly columnDefinitions: readonly { readonly name: string; readonly priority: number }[]; readonly rows: readonly { readonly cells: readonly unknown[] }[] }
const ask = (path: string): Promise<Table> => new Promise((resolve, reject) => {
  const { server, serverName, ca, clientCert, clientKey } = bed.access
  https.get(`${server}${path}`, { ca, cert: clientCert, key: clientKey, servername: serverName, agent: false, headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } }, (response) => {
    let text = ''
    response.on('data', (part: Buffer) => { text += part.toString() }).on('end', () => { resolve(JSON.parse(text) as Table) })
  }).on('error', reject)
})
/** As `kubectl get` and `kubectl get -o wide` print it; ages are seconds of the real clock. */
const printed = async (path: string, wide = false): Promise<readonly string[]> => {
  const { columnDefinitions, rows } = await ask(path)
  const shown = columnDefinitions.map((c, i) => ({ c, i })).filter(({ c }) => wide || c.priority === 0)
  return [shown.map(({ c }) => c.name.toUpperCase()).join(' '), ...rows.map((r) => shown.map(({ c, i }) => (c.name === 'Age' ? 'age' : String(r.cells[i]))).join(' ')).toSorted()]
}

test('get nodes: STATUS is Ready, NotReady, and what is cordoned says so', async () => {
  for (const name of ['cp', 'w1', 'w2']) bed.api.registerNode(nodeCalled(name, name === 'cp'))
  for (const name of ['cp', 'w1']) bed.api.nodeReady(name, true)
  await bed.cluster.settled()
  await (await bed.cluster.objects()).change(Node, { name: 'w1' }, (o) => ({ ...o, spec: { ...o.spec, unschedulable: true } }))
  await bed.cluster.settled()
  expect(await printed('/api/v1/nodes')).toEqual([
    'NAME STATUS ROLES AGE VERSION', 'cp Ready control-plane age v1.36.3', 'w1 Ready,SchedulingDisabled <none> age v1.36.3', 'w2 NotReady <none> age v1.36.3',
  ])
  expect((await printed('/api/v1/nodes', true)).slice(0, 2)).toEqual([
    'NAME STATUS ROLES AGE VERSION INTERNAL-IP EXTERNAL-IP OS-IMAGE KERNEL-VERSION CONTAINER-RUNTIME', 'cp Ready control-plane age v1.36.3 10.0.0.7 <none> Talos (v1.13.9) 6.18.0-talos containerd://2.1.0',
  ])
})

test('get pods and what makes them: containers that are ready, of how many', async () => {
  const objects = await bed.cluster.objects()
  await objects.create(Deployment, { metadata: { name: 'web', namespace: 'default' }, spec: { replicas: 1, template: { spec: { containers: [{ name: 'a' }, { name: 'b' }] } } } })
  await bed.cluster.settled()
  const [pod] = objects.list(Pod, 'default')
  expect(await printed('/api/v1/namespaces/default/pods')).toEqual(['NAME READY STATUS RESTARTS AGE', `${pod!.metadata.name} 0/2 Pending 0 age`])
  expect(await printed('/apis/apps/v1/namespaces/default/deployments')).toEqual(['NAME READY UP-TO-DATE AVAILABLE AGE', 'web 0/1 1 0 age'])
  bed.api.registerNode(nodeCalled('w1'))
  bed.api.nodeReady('w1', true)
  await bed.cluster.settled()
  expect(await printed('/api/v1/namespaces/default/pods', true)).toEqual(['NAME READY STATUS RESTARTS AGE IP NODE NOMINATED NODE READINESS GATES', `${pod!.metadata.name} 2/2 Running 0 age <none> w1 <none> <none>`])
  expect((await printed('/apis/apps/v1/namespaces/default/deployments'))[1]).toBe('web 1/1 1 1 age')
  expect((await printed('/apis/apps/v1/namespaces/kube-system/daemonsets')).slice(0, 2)).toEqual(['NAME DESIRED CURRENT READY UP-TO-DATE AVAILABLE NODE SELECTOR AGE', 'kube-flannel 1 1 1 1 1 <none> age'])
})
