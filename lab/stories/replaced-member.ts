/**
 * The story of a control plane of three whose machines are replaced, on the lab's real OpenStack with real Talos and etcd (rules O7, T2): one
 * is deleted while it runs, then one whose server somebody deleted in Nova. Each time etcd lets go of it first, another comes in its place,
 * and etcd is the same. `./dev lab story replaced-member [--keep]`.
 */
import { join } from 'node:path'
import { cluster, createCluster, isReady, onTheLab, project, say, type Cluster, type Machine, type OnTheLab } from './on-the-lab.ts'
import { tenantOf, type Tenant } from './tenant.ts'

const members = 3

const machines = ({ product }: OnTheLab): Promise<readonly Machine[]> => product.list<Machine>('machines', project)
const get = ({ product }: OnTheLab): Promise<Cluster | undefined> => product.get<Cluster>('cluster', cluster, project)
/** As etcd itself says, through one of its nodes. */
const namesInEtcd = async (tenant: Tenant, address: string): Promise<readonly string[]> =>
  (await tenant.talosctl('-n', address, 'etcd', 'members')).trim().split('\n').slice(1).map((line) => line.trim().split(/\s+/)[2]!).toSorted()

/** `of` is gone, another is there, and etcd knows those three and is the one that it was. */
async function isReplaced(on: OnTheLab, tenant: Tenant, of: Machine, etcd: string): Promise<void> {
  const now = await on.until(`${of.metadata.name} is replaced and the cluster Ready`, 1200, async () => {
    const all = await machines(on)
    return all.length === members && !all.some((m) => m.metadata.uid === of.metadata.uid) && all.every(isReady) && isReady(await get(on)) && all
  })
  const id = (await get(on))?.status?.controlPlane?.etcdClusterId
  if (id !== etcd) throw new Error(`etcd was ${etcd} and is ${id}`)
  const names = now.map((m) => m.metadata.name).toSorted()
  await on.until('etcd has exactly these members', 60, async () => {
    const inEtcd = await namesInEtcd(tenant, now.find((m) => m.status?.address !== undefined)!.status!.address!)
    if (JSON.stringify(inEtcd) !== JSON.stringify(names)) throw new Error(`etcd: ${inEtcd.join(', ')}; machines: ${names.join(', ')}`)
    return true
  })
}

await onTheLab('replaced-member', 'tenant', 17445, process.argv.includes('--keep'), async (on) => {
  await createCluster(on, members, 0)
  await on.until('a cluster with three control-plane machines is Ready', 1200, async () => isReady(await get(on)))
  const files = { kubeconfig: join(on.state, 'shop.kubeconfig'), talosconfig: join(on.state, 'shop.talosconfig') }
  await on.product.skerry('cluster', 'kubeconfig', cluster, '-n', project, '--output', files.kubeconfig)
  await on.product.skerry('cluster', 'talosconfig', cluster, '-n', project, '--output', files.talosconfig)
  const tenant = tenantOf({ kubectl: on.bed.kubectl, talosctl: on.bed.talosctl, ...files, env: { ...on.env, PATH: `${on.product.bin}:${on.env['PATH'] ?? ''}`, SKERRY_STATE: on.state } })
  const etcd = (await get(on))?.status?.controlPlane?.etcdClusterId
  if (etcd === undefined) throw new Error('the cluster does not say which etcd it has')
  await tenant.kubectl('create', 'configmap', 'kept', '--from-literal=since=before')

  const [first, second] = (await machines(on)).toSorted((a, b) => a.metadata.name.localeCompare(b.metadata.name))
  await on.product.remove('machine', first!.metadata.name, project)
  await isReplaced(on, tenant, first!, etcd)
  await on.bed.openstack(['server', 'delete', '--wait', second!.metadata.name])
  on.done(`somebody deleted the server of ${second!.metadata.name}`)
  await on.product.remove('machine', second!.metadata.name, project)
  await isReplaced(on, tenant, second!, etcd)
  const kept = await tenant.kubectl('get', 'configmap', 'kept', '-o', 'jsonpath={.data.since}')
  if (kept !== 'before') throw new Error(`what was stored before is ${kept}`)
  on.done('what was stored before is still there')
})
say('story replaced-member: all of it worked')
