/** Talos' machine and COSI services on simulated nodes, with the statuses and texts of Talos 1.13. */
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect'
import { timestampNow } from '@bufbuild/protobuf/wkt'
import { stringify } from 'yaml'
import { State } from '../proto/gen/cosi/state_pb.ts'
import { MachineService } from '../proto/gen/machine/machine_pb.ts'
import { walHead } from '../wal.ts'
import { hasQuorum, moveLeader, removeMember } from './etcd.ts'
import { kubeconfigArchive } from './kubeconfig.ts'
import { resolve } from './routing.ts'
import { poke, type EtcdService, type SimNode, type World } from './world.ts'

type Metadata = { readonly metadata?: { readonly hostname: string } }
const wal = '0000000000000000-0000000000000000.wal'
const memberPath = '/var/lib/etcd/member'

const etcdOf = (node: SimNode): EtcdService => {
  if (node.config?.role !== 'controlplane') throw new ConnectError('etcd is not running on worker nodes', Code.Unimplemented)
  if (node.etcd?.isUp !== true) throw new ConnectError('error building etcd client: dial tcp [::1]:2379: connect: connection refused', Code.Unavailable)
  return node.etcd
}
const quorumOf = (node: SimNode): EtcdService => {
  const e = etcdOf(node)
  if (!hasQuorum(e.etcd)) throw new ConnectError('etcdserver: no leader', Code.Unavailable)
  return e
}
/** etcd's own refusals come as Go errors. */
const asEtcd = (call: () => void): void => {
  try { call() } catch (e) {
    const message = e instanceof Error ? e.message : String(e)
    throw new ConnectError(message, message.includes('member not found') ? Code.NotFound : message.includes('no leader') ? Code.Unavailable : Code.FailedPrecondition)
  }
}

/** Files that a node has: only those that Skerry reads. Undefined: not there. */
const list = (node: SimNode, root: string): readonly string[] | undefined => {
  const path = root.length > 1 ? root.replace(/\/$/, '') : root
  const hasData = node.etcdData() !== undefined
  if (path === memberPath) return hasData ? ['.', 'snap', 'wal'] : undefined
  if (path === `${memberPath}/wal`) return hasData ? ['.', wal] : undefined
  if (path === '/var/lib/etcd') return hasData ? ['.', 'member'] : ['.']
  return undefined
}
const read = (node: SimNode, path: string): Buffer | undefined => {
  const data = node.etcdData()
  return path === `${memberPath}/wal/${wal}` && data !== undefined ? walHead(BigInt(`0x${data.memberId}`), BigInt(`0x${data.clusterId}`)) : undefined
}

/** Specs by `namespace/type/id`. */
const resource = (node: SimNode, key: string): object | undefined => {
  switch (key) {
    case 'runtime/PlatformMetadatas.talos.dev/platformmetadata': return {
      platform: 'openstack', hostname: node.start.name, instanceId: node.start.serverId, providerId: `openstack:///${node.start.serverId}`,
    }
    case 'network/HostnameStatuses.net.talos.dev/hostname': return { hostname: node.hostname, domainname: '' }
    case 'runtime/BootIDs.runtime.talos.dev/boot-id': return { bootID: node.bootId }
    case 'runtime/MachineStatuses.runtime.talos.dev/machine': return {
      stage: node.stage, status: { ready: node.isReady, unmetConditions: node.isReady ? [] : [{ name: 'nodeReady', reason: 'node is not ready' }] },
    }
    case 'etcd/EtcdMembers.etcd.talos.dev/local': { const data = node.etcdData(); return data === undefined ? undefined : { memberID: data.memberId } }
    default: return undefined
  }
}

export const routes = (world: World) => (router: ConnectRouter): void => {
  /** One message for each node that is asked; those of several carry their names, and a failed one its error. */
  const each = async <T extends object>(context: HandlerContext, role: 'reader' | 'operator' | 'admin', of: (node: SimNode) => T | Promise<T>, works?: { readonly inMaintenance: boolean }): Promise<{ messages: (T & Metadata)[] }> => {
    const { targets } = resolve(world, context, role, works)
    return { messages: await Promise.all(targets.map(async ({ node, named }) => ({ ...(await of(node)), ...(named !== undefined && { metadata: { hostname: named } }) }))) }
  }
  const only = (context: HandlerContext, role: 'reader' | 'operator' | 'admin'): SimNode => {
    const { targets } = resolve(world, context, role)
    if (targets.length !== 1) throw new ConnectError('one node at a time', Code.InvalidArgument)
    return targets[0]!.node
  }

  router.service(MachineService, {
    version: (_, c) => each(c, 'reader', (node) => ({
      version: { tag: node.start.imageProperties['os_version'] ?? 'v1.13.9', sha: 'simulated', built: '', goVersion: 'go1.26', os: 'linux', arch: 'amd64' }, platform: { name: 'openstack', mode: 'cloud' }, features: { rbac: true },
    }), { inMaintenance: true }),
    hostname: (_, c) => each(c, 'reader', (node) => ({ hostname: node.hostname })),
    serviceList: (_, c) => each(c, 'reader', (node) => ({
      services: node.services().map((s) => ({ id: s.id, state: s.state, events: { events: [{ msg: '', state: s.state, ts: timestampNow() }] }, health: s.healthy === undefined ? { unknown: true, healthy: false } : { unknown: false, healthy: s.healthy } })),
    })),
    bootstrap: (_, c) => each(c, 'admin', (node) => {
      switch (node.bootstrap()) {
        case 'not-ready': throw new ConnectError('bootstrap is not available yet', Code.FailedPrecondition)
        case 'not-control-plane': throw new ConnectError('bootstrap is only available on control plane nodes', Code.Unimplemented)
        case 'has-data': throw new ConnectError('etcd data directory is not empty', Code.AlreadyExists)
        default: return {}
      }
    }),
    etcdMemberList: (request, c) => each(c, 'reader', (node) => ({
      members: [...(request.queryLocal ? etcdOf(node) : quorumOf(node)).etcd.members.values()].map((m) => ({ id: m.id, hostname: m.name, peerUrls: [m.peerUrl], clientUrls: m.isRunning ? [m.peerUrl.replace(':2380', ':2379')] : [], isLearner: m.isLearner })),
    })),
    etcdStatus: (_, c) => each(c, 'reader', (node) => {
      const { etcd, member } = etcdOf(node)
      return { memberStatus: {
        protocolVersion: '3.6.12', storageVersion: '3.6.0', dbSize: 20_971_520n, dbSizeInUse: 10_485_760n, leader: etcd.leader, raftIndex: BigInt(etcd.raftIndex), raftTerm: BigInt(etcd.raftTerm), raftAppliedIndex: BigInt(etcd.raftIndex),
        errors: etcd.leader === 0n ? ['etcdserver: no leader'] : [], isLearner: member.isLearner, memberId: member.id,
      } }
    }),
    etcdForfeitLeadership: (_, c) => each(c, 'admin', (node) => {
      const { etcd, member } = quorumOf(node)
      if (etcd.leader !== member.id) return { member: '' }
      let next = ''
      asEtcd(() => { next = moveLeader(etcd).name })
      return { member: next }
    }),
    etcdLeaveCluster: (_, c) => each(c, 'admin', (node) => { quorumOf(node); asEtcd(() => { node.leaveEtcd() }); return {} }),
    etcdRemoveMemberByID: (request, c) => each(c, 'admin', (node) => {
      const { etcd } = quorumOf(node)
      asEtcd(() => { removeMember(etcd, request.memberId) })
      for (const n of node.cluster?.nodes ?? []) if (n.etcd?.etcd === etcd && n.etcd.member.id === request.memberId) n.removedFromEtcd()
      if (node.cluster !== undefined) poke(node.cluster)
      return {}
    }),
    reboot: (_, c) => each(c, 'operator', (node) => { node.restart({ wipe: false }); return { actorId: 'simulated' } }),
    reset: (request, c) => each(c, 'admin', (node) => {
      // A graceful reset that cannot leave goes on; its errors are only logged.
      if (request.graceful) try { node.leaveEtcd() } catch { /* as Talos does */ }
      node.restart({ wipe: true, powerOff: !request.reboot })
      return { actorId: 'simulated' }
    }),
    async *list(request, c) {
      const node = only(c, 'reader')
      const names = list(node, request.root)
      if (names === undefined) throw new ConnectError(`lstat ${request.root}: no such file or directory`, Code.Unknown)
      for (const name of names) yield { name: name === '.' ? request.root : `${request.root}/${name}`, relativeName: name, isDir: !name.endsWith('.wal') }
    },
    async *read(request, c) {
      const bytes = read(only(c, 'admin'), request.path)
      if (bytes === undefined) throw new ConnectError(`stat ${request.path}: no such file or directory`, Code.NotFound)
      yield { bytes }
    },
    async *kubeconfig(_, c) {
      const { config } = only(c, 'admin')
      if (config?.role !== 'controlplane') throw new ConnectError('kubeconfig is only available on control plane nodes', Code.Unimplemented)
      yield { bytes: kubeconfigArchive(config) }
    },
    async *dmesg(_, c) {
      for (const line of only(c, 'reader').log) yield { bytes: Buffer.from(`user: warning: ${line}\n`) }
    },
  })
  router.service(State, {
    get: (request, c) => {
      const { targets } = resolve(world, c, 'reader', { inMaintenance: true })
      const spec = resource(targets[0]!.node, `${request.namespace}/${request.type}/${request.id}`)
      if (spec === undefined) throw new ConnectError(`resource ${request.type}(${request.namespace}/${request.id}) doesn't exist`, Code.NotFound)
      return { resource: { metadata: { namespace: request.namespace, type: request.type, id: request.id, version: '1', phase: 'running' }, spec: { yamlSpec: stringify(spec) } } }
    },
  })
}
