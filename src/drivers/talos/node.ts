/** The calls of one Talos node. What it answers is a stranger's: limited, shortened, parsed as data (rule T5). */
import type { CallOptions } from '@connectrpc/connect'
import { parse } from 'yaml'
import type { Channel } from './channel.ts'
import { isUnavailable, printable, talosError, toTalosError } from './errors.ts'
import type { EtcdMember, EtcdStatus, TalosNode } from './talos.ts'
import { clusterIdOf } from './wal.ts'

const maxStreamBytes = 8 * 1024 * 1024
const maxEntries = 1_000
const maxYaml = 64 * 1024
const etcdMember = '/var/lib/etcd/member'

const hex = (id: bigint): string => id.toString(16).padStart(16, '0')
const short = (text: string): string => printable(text, 253)

export interface NodeOptions {
  /** For messages. */
  readonly label: string
  /** apid forwards to it; undefined: the endpoint's own. */
  readonly node: string | undefined
  readonly timeoutMs: number
  readonly channel: () => Channel
  /** A channel that may read files, for the one fact that nothing else tells: etcd's cluster id. */
  readonly adminChannel: () => Channel
  /** Cluster ids by member id; neither ever changes. */
  readonly clusterIds: Map<string, string>
}

const one = <T>(what: string, messages: readonly T[]): T => {
  if (messages.length !== 1) throw talosError('answer', `${what}: ${messages.length} answers instead of one`)
  return messages[0]!
}

/** Concatenates a stream's bytes up to a limit; `enough` ends it early. */
const collect = async (what: string, stream: AsyncIterable<{ readonly bytes: Uint8Array }>, enough = Number.POSITIVE_INFINITY): Promise<Buffer> => {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const { bytes } of stream) {
    chunks.push(bytes)
    size += bytes.length
    if (size >= enough) break
    if (size > maxStreamBytes) throw talosError('answer', `${what}: more than ${maxStreamBytes} bytes`)
  }
  return Buffer.concat(chunks)
}

export const talosNode = ({ label, node, timeoutMs, channel, adminChannel, clusterIds }: NodeOptions): TalosNode => {
  const headers: Record<string, string> = node === undefined ? {} : { node }
  const call = async <T>(what: string, of: (c: Channel, options: CallOptions) => Promise<T>, open = channel, limitMs = timeoutMs): Promise<T> => {
    const c = open()
    try { return await of(c, { headers, timeoutMs: limitMs }) } catch (e) {
      const error = toTalosError(`${what} at ${label}`, e)
      if (isUnavailable(error)) c.giveUpConnecting()
      throw error
    }
  }
  /** A resource's spec as text values; never more than its top level is read. */
  const resource = (namespace: string, type: string, id: string): Promise<Readonly<Record<string, unknown>>> => call(`read ${type}`, async (c, o) => {
    const yaml = (await c.state.get({ namespace, type, id }, o)).resource?.spec?.yamlSpec ?? ''
    if (yaml.length > maxYaml) throw talosError('answer', `read ${type} at ${label}: too long`)
    let value: unknown
    try { value = parse(yaml, { schema: 'failsafe', maxAliasCount: 0, logLevel: 'error' }) } catch { throw talosError('answer', `read ${type} at ${label}: not YAML`) }
    if (typeof value !== 'object' || value === null) throw talosError('answer', `read ${type} at ${label}: not a mapping`)
    return value as Readonly<Record<string, unknown>>
  })
  const text = async (namespace: string, type: string, id: string, field: string): Promise<string> => {
    const value = (await resource(namespace, type, id))[field]
    if (typeof value !== 'string' || value === '') throw talosError('answer', `read ${type} at ${label}: no ${field}`)
    return short(value)
  }
  const services: TalosNode['services'] = () => call('list services', async (c, o) => {
    const list = one('list services', (await c.machine.serviceList({}, o)).messages).services
    if (list.length > maxEntries) throw talosError('answer', `list services at ${label}: too many`)
    return list.map((s) => ({ id: short(s.id), state: short(s.state), healthy: s.health === undefined || s.health.unknown ? undefined : s.health.healthy }))
  })
  const names = (root: string, open = channel): Promise<readonly string[]> => call(`list ${root}`, async (c, o) => {
    const found: string[] = []
    for await (const entry of c.machine.list({ root, recurse: false }, o)) {
      // A part that could not be read: then nothing may be concluded.
      if (entry.error !== '' || (entry.metadata?.error ?? '') !== '') throw talosError('other', `list ${root} at ${label}: ${short(entry.error || entry.metadata!.error)}`)
      found.push(entry.relativeName)
      if (found.length > maxEntries) throw talosError('answer', `list ${root} at ${label}: too many entries`)
    }
    return found
  }, open)
  /** Read once for each member: reading files needs os:admin, whatever the role of the other calls. */
  const clusterId = async (memberId: string): Promise<string> => {
    const have = clusterIds.get(memberId)
    if (have !== undefined) return have
    const segment = (await names(`${etcdMember}/wal`, adminChannel)).filter((n) => /^[0-9a-f]{16}-[0-9a-f]{16}\.wal$/.test(n)).toSorted()[0]
    if (segment === undefined) throw talosError('answer', `etcd at ${label} has no log`)
    const head = await call('read etcd\'s log', (c, o) => collect('read etcd\'s log', c.machine.read({ path: `${etcdMember}/wal/${segment}` }, o), 1024), adminChannel)
    const id = clusterIdOf(head.subarray(0, 4096))
    if (id === undefined) throw talosError('answer', `etcd's log at ${label} has no cluster id`)
    clusterIds.set(memberId, id)
    return id
  }

  return {
    version: () => call('ask the version', async (c, o) => {
      const m = one('version', (await c.machine.version({}, o)).messages)
      return { tag: short(m.version?.tag ?? ''), platform: short(m.platform?.name ?? '') }
    }),
    hostname: () => text('network', 'HostnameStatuses.net.talos.dev', 'hostname', 'hostname'),
    instanceId: () => text('runtime', 'PlatformMetadatas.talos.dev', 'platformmetadata', 'instanceId'),
    services,
    etcdDataExists: async () => {
      try {
        await names(etcdMember)
        return true
      } catch (e) {
        // machined passes Go's error on, as a status Unknown: exactly this text is a missing path, anything else is not known.
        const cause = (e as { readonly cause?: { readonly rawMessage?: unknown } }).cause?.rawMessage
        if (cause !== `lstat ${etcdMember}: no such file or directory`) throw e
      }
      // Before the disk is mounted the path is missing too. CRI runs on that disk; Talos itself allows a bootstrap only once it is up.
      if (!(await services()).some((s) => s.id === 'cri' && s.state === 'Running')) throw talosError('precondition', `${label} has not mounted its disk yet`)
      return false
    },
    bootstrap: () => call('bootstrap etcd', async (c, o) => { await c.machine.bootstrap({}, o) }),
    etcdMembers: () => call('list etcd members', async (c, o) => {
      const list = one('list etcd members', (await c.machine.etcdMemberList({}, o)).messages).members
      if (list.length > maxEntries) throw talosError('answer', `list etcd members at ${label}: too many`)
      return list.map((m): EtcdMember => ({ id: hex(m.id), hostname: short(m.hostname), peerUrls: m.peerUrls.slice(0, 8).map(short), isLearner: m.isLearner }))
    }),
    etcdStatus: async () => {
      const s = await call('ask etcd\'s status', async (c, o) => {
        const status = one('etcd status', (await c.machine.etcdStatus({}, o)).messages).memberStatus
        if (status === undefined) throw talosError('answer', `etcd status at ${label}: empty`)
        return status
      })
      const memberId = hex(s.memberId)
      return {
        memberId, clusterId: await clusterId(memberId), leader: hex(s.leader), raftIndex: Number(s.raftIndex), raftAppliedIndex: Number(s.raftAppliedIndex), dbSizeBytes: Number(s.dbSize),
        isLearner: s.isLearner, errors: s.errors.slice(0, 16).map(short),
      } satisfies EtcdStatus
    },
    etcdForfeitLeadership: () => call('forfeit etcd leadership', async (c, o) => { await c.machine.etcdForfeitLeadership({}, o) }),
    etcdLeave: () => call('leave etcd', async (c, o) => { await c.machine.etcdLeaveCluster({}, o) }, channel, Math.max(timeoutMs, 30_000)),
    etcdRemoveMember: (memberId) => call('remove an etcd member', async (c, o) => { await c.machine.etcdRemoveMemberByID({ memberId: BigInt(`0x${memberId}`) }, o) }),
    reboot: () => call('reboot', async (c, o) => { await c.machine.reboot({}, o) }),
    // Naming the partitions keeps the boot loader: without them the whole disk would be wiped.
    reset: ({ graceful, reboot }) => call('reset', async (c, o) => {
      await c.machine.reset({ graceful, reboot, systemPartitionsToWipe: ['STATE', 'EPHEMERAL'].map((l) => ({ label: l, wipe: true })) }, o)
    }, channel, Math.max(timeoutMs, 30_000)),
    dmesg: (lines) => call('read the kernel log', async (c, o) => {
      const all = (await collect('read the kernel log', c.machine.dmesg({ follow: false, tail: false }, o))).toString('utf8')
      return all.split('\n').filter((l) => l !== '').slice(-lines).map((l) => printable(l, 1_000)).join('\n')
    }),
  }
}
