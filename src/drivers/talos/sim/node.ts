/**
 * The life of one simulated Talos machine: boot, configuration, etcd, API server, kubelet. Every step runs once its time has passed
 * and its conditions hold; a machine that waits for others is woken by them, so that idle machines cost nothing.
 */
import { duplexPair } from 'node:stream'
import type { Socket } from 'node:net'
import { createSecureContext, type SecureContext } from 'node:tls'
import type { GuestStart } from '../../openstack/sim/guest.ts'
import { newServingCert } from '../pki/clients.ts'
import { nodeKeyPem } from '../pki/pem.ts'
import { addLearner, elect, fromData, hasQuorum, hex, newEtcd, newId, promote, removeMember, toData, type Etcd, type EtcdData, type Member } from './etcd.ts'
import { readUserData, type NodeConfig } from './machine-config.ts'
import { addressKey, belongs, clusterOf, poke, type EtcdService, type ServiceLine, type SimCluster, type SimNode, type World } from './world.ts'

const configKey = 'talos/config'
const etcdKey = 'talos/etcd'
/** Marks a connection that only asks whether something answers. */
const probe = Symbol('probe')

const uuid = (random: () => number): string => `${hex(newId(random))}${hex(newId(random))}`.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')

const inSubnet = (address: string, cidr: string): boolean => {
  const [base = '', bits = '32'] = cidr.split('/')
  const number = (a: string) => a.split('.').reduce((n, part) => n * 256 + Number(part), 0)
  const size = 2 ** (32 - Number(bits))
  return !address.includes(':') && Math.floor(number(address) / size) === Math.floor(number(base) / size)
}

export const startNode = (world: World, start: GuestStart, apid: (node: SimNode, socket: Socket) => void): SimNode => {
  const { latencies, random } = world
  const { disk, fabric } = start
  const pending = new Set<() => void>()
  const releases = new Map<number, () => void>()
  const sockets = new Set<Socket>()
  const log: string[] = []

  let stage: SimNode['stage'] = 'off'
  let bootId = ''
  let config: NodeConfig | undefined
  let cluster: SimCluster | undefined
  let nic = start.nics[0]!
  let etcd: EtcdService | undefined
  let hasLeftEtcd = false
  let isJoining = false
  let isBootstrapping = false
  let isDiskMounted = false
  let api: 'down' | 'starting' | 'up' = 'down'
  let kubelet: 'waiting' | 'starting' | 'registered' = 'waiting'
  let isReady = false
  let retry: (() => void) | undefined
  let context: SecureContext | undefined
  let contextUntil = 0

  const say = (line: string): void => {
    log.push(line)
    if (log.length > 300) log.shift()
    start.console(line)
  }
  /** A step of this boot: it does not happen when the machine went down before. */
  const step = (ms: number, call: () => void): void => {
    const cancel = world.later(ms, () => { pending.delete(cancel); call() })
    pending.add(cancel)
  }
  const open = (port: number, accept: (socket: Socket) => void): void => {
    releases.get(port)?.()
    releases.set(port, fabric.listen(nic.networkId, nic.address, port, (socket) => {
      if ((socket as { [probe]?: boolean })[probe] === true) { socket.destroy(); return }
      sockets.add(socket)
      socket.on('error', () => { socket.destroy() })
      socket.once('close', () => { sockets.delete(socket) })
      accept(socket)
    }))
  }
  const close = (port: number): void => { releases.get(port)?.(); releases.delete(port) }

  const canReach = (address: string, port: number): boolean => {
    const [ours, theirs] = duplexPair()
    for (const end of [ours, theirs]) end.on('error', () => { end.destroy() })
    const answered = fabric.connect(nic.networkId, address, port, Object.assign(theirs, { [probe]: true }) as unknown as Socket, nic.address)
    ours.destroy()
    theirs.destroy()
    return answered
  }
  const isEndpointUp = (): boolean => {
    if (config === undefined || cluster === undefined) return false
    return [...cluster.apis.keys()].some((n) => n.etcd !== undefined && hasQuorum(n.etcd.etcd)) && config.endpointAddresses.some((a) => canReach(a, 6443))
  }

  // etcd
  const etcdData = (): EtcdData | undefined => { const text = disk.get(etcdKey); return typeof text === 'string' ? (JSON.parse(text) as EtcdData) : undefined }
  const peerUrl = (): string => `https://${nic.address}:2380`
  /** Every running member has the membership on its disk. */
  const write = (of: Etcd): void => {
    for (const n of cluster?.nodes ?? []) if (n.etcd?.etcd === of) n.start.disk.set(etcdKey, JSON.stringify(toData(of, n.etcd.member.id)))
  }
  const stopEtcd = (): void => {
    stopApi()
    if (etcd === undefined) return
    etcd.isUp = false
    etcd.member.isRunning = false
    elect(etcd.etcd)
    etcd = undefined
  }
  const startEtcd = (of: Etcd, member: Member, afterMs = latencies.etcdStart): void => {
    etcd = { etcd: of, member, isUp: false }
    write(of)
    step(afterMs, () => {
      if (etcd?.member !== member || !of.members.has(member.id)) return
      member.isRunning = true
      etcd.isUp = true
      elect(of)
      say(`[talos] service[etcd](Running): started, member ${hex(member.id)}`)
      if (member.isLearner) step(latencies.etcdPromote, () => { promoteSelf(of, member) })
      if (cluster !== undefined) poke(cluster)
    })
  }
  const promoteSelf = (of: Etcd, member: Member): void => {
    if (etcd?.member !== member) return
    try { promote(of, member) } catch { step(latencies.retry, () => { promoteSelf(of, member) }); return }
    write(of)
    say('[talos] etcd member promoted')
    if (cluster !== undefined) poke(cluster)
  }
  const resumeEtcd = (data: EtcdData): void => {
    const id = BigInt(`0x${data.clusterId}`)
    let of = cluster!.etcds.get(id)
    if (of === undefined) cluster!.etcds.set(id, of = fromData(data))
    const member = of.members.get(BigInt(`0x${data.memberId}`))
    if (member === undefined) say('[talos] service[etcd](Failed): the member has been permanently removed from the cluster')
    else startEtcd(of, member)
  }
  const tryJoin = (): void => {
    const up = [...cluster!.apis.keys()].map((n) => n.etcd?.etcd).find((e) => e !== undefined && hasQuorum(e))
    if (up === undefined) return
    try {
      const before = new Set(up.members.keys())
      const member = addLearner(up, random, hostname(), peerUrl())
      for (const n of cluster!.nodes) if (n.etcd !== undefined && before.has(n.etcd.member.id) && !up.members.has(n.etcd.member.id)) n.removedFromEtcd()
      say(`[talos] joining etcd as learner ${hex(member.id)}`)
      startEtcd(up, member)
    } catch { /* A learner before us, or no leader: again at the next look. */ }
  }

  // Kubernetes
  const stopApi = (): void => {
    api = 'down'
    close(6443)
    cluster?.apis.delete(node)
  }
  const startApi = (): void => {
    api = 'starting'
    step(latencies.apiServer, () => {
      if (etcd === undefined || config === undefined) return
      const served = world.kubernetes.ensureCluster(hex(etcd.etcd.id), {
        ca: { crt: config.kubernetes.crt, key: nodeKeyPem(config.kubernetes.key) }, version: config.kubernetesVersion,
        serviceSans: [...new Set([...config.apiServerSans, config.endpointHost, hostname(), nic.address, 'kubernetes', 'kubernetes.default', 'localhost', '127.0.0.1'])],
      })
      api = 'up'
      cluster!.apis.set(node, served)
      // Without a quorum the API server cannot read its store; connections end at once.
      open(6443, (socket) => { if (etcd !== undefined && hasQuorum(etcd.etcd)) served.accept(socket); else socket.destroy() })
      say('[talos] kube-apiserver is up')
      poke(cluster!)
    })
  }
  const register = (): void => {
    kubelet = 'starting'
    step(latencies.kubelet, () => {
      const served = cluster!.apis.get(node) ?? [...cluster!.apis.values()][0]
      if (served === undefined || config === undefined) { kubelet = 'waiting'; return }
      kubelet = 'registered'
      const isControlPlane = config.role === 'controlplane'
      const isRefused = !isControlPlane && config.hasNodeTaints
      if (isRefused) say(`[talos] controller failed {"controller": "k8s.NodeApplyController", "error": "nodes \\"${hostname()}\\" is forbidden: node \\"${hostname()}\\" is not allowed to modify taints"}`)
      served.registerNode({
        name: hostname(), internalIp: nic.address, kubeletVersion: config.kubernetesVersion, osImage: `Talos (${start.imageProperties['os_version'] ?? 'v1.13.9'})`, controlPlane: isControlPlane,
        labels: { 'kubernetes.io/hostname': hostname(), 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64', ...(isControlPlane && { 'node-role.kubernetes.io/control-plane': '' }), ...(!isRefused && config.labels) },
        taints: [...(isControlPlane && !config.schedulable ? [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }] : []), ...config.taints],
        machineId: start.serverId.replaceAll('-', ''), bootId,
      })
      say(`[talos] kubelet registered node ${hostname()}`)
      // A worker's apid needs a certificate from a control plane's trustd.
      if (!isControlPlane) open(50_000, (socket) => { apid(node, socket) })
      step(latencies.nodeReady, () => { isReady = served.nodeReady(hostname(), true); say(`[talos] node ${hostname()} is ready`) })
    })
  }
  const lostNode = (): void => {
    if (kubelet !== 'registered' || cluster === undefined) return
    const [of, name, lost] = [cluster, hostname(), bootId]
    world.later(latencies.nodeLost, () => {
      // Not when it, or another of that name, is back.
      if ([...of.nodes].some((n) => n.hostname === name && n.isReady && (n !== node || n.bootId !== lost))) return
      for (const served of of.apis.values()) served.nodeReady(name, false)
    })
  }

  const hostname = (): string => config?.hostname ?? start.name

  const look = (): void => {
    if (stage !== 'running' || config === undefined || cluster === undefined) return
    if (config.role === 'controlplane') {
      if (etcd === undefined && isDiskMounted && !isBootstrapping && !hasLeftEtcd && !isJoining && etcdData() === undefined && cluster.apis.size > 0 && isEndpointUp()) {
        isJoining = true
        tryJoin()
        isJoining = false
      }
      if (etcd?.isUp === true && !etcd.member.isLearner && api === 'down' && hasQuorum(etcd.etcd)) startApi()
    }
    if (kubelet === 'waiting' && (api === 'up' || isEndpointUp())) register()
    // Others wake us, except for the way to the endpoint, which only looking tells.
    const waits = kubelet === 'waiting' || (config.role === 'controlplane' && etcd === undefined && !hasLeftEtcd && etcdData() === undefined)
    if (waits && cluster.apis.size > 0 && retry === undefined) retry = world.later(latencies.retry, () => { retry = undefined; look() })
  }

  const acquireConfig = (): void => {
    const stored = disk.get(configKey)
    try { config = readUserData(stored instanceof Uint8Array ? Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength) : start.userData) } catch (e) {
      say(`[talos] failed to load the machine configuration: ${e instanceof Error ? e.message : 'unreadable'}`)
    }
    if (config === undefined) {
      stage = 'maintenance'
      open(50_000, (socket) => { apid(node, socket) })
      say('[talos] no machine configuration, waiting in maintenance mode')
      return
    }
    // Written once: user data is not read again while the STATE partition has a configuration.
    if (stored === undefined) disk.set(configKey, start.userData)
    stage = 'running'
    nic = start.nics.find((n) => config!.validSubnets.some((s) => inSubnet(n.address, s))) ?? nic
    world.nodes.set(addressKey(nic.networkId, nic.address), node)
    cluster = clusterOf(world, config.clusterId)
    cluster.nodes.add(node)
    belongs(world, cluster, start)
    say(`[talos] machine is running with hostname ${hostname()}`)
    if (config.role === 'controlplane') {
      cluster.os ??= config.os
      open(50_000, (socket) => { apid(node, socket) })
      const data = etcdData()
      // apid answers before the disk is mounted and CRI runs on it.
      step(latencies.mount, () => {
        isDiskMounted = true
        if (data !== undefined) resumeEtcd(data)
        look()
      })
      if (data === undefined) say('[talos] etcd is waiting to join the cluster, if this node is the first node of the cluster, please run `talosctl bootstrap`')
    } else {
      isDiskMounted = true
      look()
    }
  }

  const powerOn = (hangs: boolean): void => {
    bootId = uuid(random)
    say(`[    0.000000] Linux version 6.18.9-talos (${start.name})`)
    if (hangs) {
      stage = 'hung'
      say('[    1.204119] clocksource: Switched to clocksource tsc')
      // It takes connections and never answers, the worst that a hung machine does to a probe.
      open(50_000, () => {})
      return
    }
    stage = 'booting'
    say(`[talos] booting Talos ${start.imageProperties['os_version'] ?? 'v1.13.9'}`)
    step(latencies.boot, acquireConfig)
  }
  const powerOff = (): void => {
    lostNode()
    stage = 'off'
    for (const cancel of pending) cancel()
    pending.clear()
    retry?.()
    retry = undefined
    stopEtcd()
    for (const port of releases.keys()) close(port)
    for (const socket of sockets) socket.destroy()
    sockets.clear()
    if (world.nodes.get(addressKey(nic.networkId, nic.address)) === node) world.nodes.delete(addressKey(nic.networkId, nic.address))
    const was = cluster
    cluster?.nodes.delete(node)
    ;[cluster, config, context, hasLeftEtcd, isBootstrapping, isDiskMounted, kubelet, isReady] = [undefined, undefined, undefined, false, false, false, 'waiting', false]
    if (was !== undefined) poke(was)
  }

  const node: SimNode = {
    start,
    get nic() { return nic },
    get stage() { return stage },
    get config() { return config },
    get cluster() { return cluster },
    get hostname() { return hostname() },
    get bootId() { return bootId },
    get etcd() { return etcd },
    get isApidUp() { return stage !== 'hung' && releases.has(50_000) },
    get isReady() { return isReady },
    log,
    etcdData: () => (isDiskMounted ? etcdData() : undefined),
    services: () => {
      const running = (id: string, healthy: boolean | undefined = true): ServiceLine => ({ id, state: 'Running', healthy })
      const common = [running('apid'), running('containerd'), isDiskMounted ? running('cri') : { id: 'cri', state: 'Preparing', healthy: undefined }, running('machined'), running('syslogd'), running('udevd'), kubelet === 'registered' ? running('kubelet') : { id: 'kubelet', state: 'Waiting', healthy: undefined }]
      if (config?.role !== 'controlplane') return common
      const state: ServiceLine = etcd === undefined ? { id: 'etcd', state: isBootstrapping ? 'Starting' : hasLeftEtcd ? 'Finished' : etcdData() === undefined || !isDiskMounted ? 'Preparing' : 'Failed', healthy: undefined }
        : etcd.isUp ? running('etcd', hasQuorum(etcd.etcd)) : { id: 'etcd', state: 'Starting', healthy: undefined }
      return [...common, running('trustd'), state]
    },
    bootstrap: () => {
      if (stage !== 'running' || cluster === undefined) return 'not-ready'
      if (config?.role !== 'controlplane') return 'not-control-plane'
      if (etcdData() !== undefined) return 'has-data'
      if (!isDiskMounted) return 'not-ready'
      say('[talos] bootstrap request received')
      if (isBootstrapping) return undefined
      isBootstrapping = true
      // As in life the directory is empty until etcd runs: a second request in between is taken, and changes nothing.
      step(latencies.etcdStart, () => {
        isBootstrapping = false
        const made = newEtcd(random, hostname(), peerUrl())
        cluster!.etcds.set(made.etcd.id, made.etcd)
        startEtcd(made.etcd, made.member, 0)
      })
      return undefined
    },
    leaveEtcd: () => {
      if (etcd === undefined) throw new Error('etcd is not running')
      const of = etcd.etcd
      if (of.members.size > 1) removeMember(of, etcd.member.id)
      node.removedFromEtcd()
      hasLeftEtcd = true
      disk.delete(etcdKey)
      write(of)
      if (cluster !== undefined) poke(cluster)
    },
    removedFromEtcd: () => {
      if (etcd === undefined) return
      const of = etcd.etcd
      stopEtcd()
      write(of)
      say('[talos] service[etcd](Finished): left the cluster')
      if (cluster !== undefined) poke(cluster)
    },
    restart: ({ wipe, powerOff: stays = false }) => {
      // Even at once, the answer to the request to go down leaves first: some rounds of input and output.
      const wait = (rounds: number, down: () => void): void => { step(0, () => { if (rounds === 0) down(); else wait(rounds - 1, down) }) }
      step(latencies.shutdown, () => {
        wait(20, () => {
          powerOff()
          if (wipe) { disk.delete(configKey); disk.delete(etcdKey) }
          if (!stays) powerOn(false)
        })
      })
    },
    look,
    secureContext: () => {
      // TLS compares with the system's clock, so the certificate is made by it too.
      const now = new Date()
      if (context !== undefined && now.getTime() < contextUntil) return context
      contextUntil = now.getTime() + 12 * 3_600_000
      if (config === undefined || cluster?.os === undefined) throw new Error('no certificate yet')
      const own = newServingCert(cluster.os, { sans: [...new Set([hostname(), nic.address, '127.0.0.1', ...config.apidSans])], now, ttlMs: 24 * 3_600_000 })
      context = createSecureContext({ cert: own.crt, key: own.key, ca: config.os.crt, minVersion: 'TLSv1.3' })
      return context
    },
    reboot: () => { powerOff(); powerOn(false) },
    stop: powerOff,
  }
  powerOn(start.hangs)
  return node
}
