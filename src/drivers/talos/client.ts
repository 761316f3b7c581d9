/** Opens Talos: one channel for each cluster, endpoint and role, kept for as long as it is used. */
import { connect } from 'node:tls'
import { openChannel, tlsOptions, type Channel } from './channel.ts'
import { talosNode } from './node.ts'
import { newOwnTalosClient, type OwnCertificate, type TalosRole } from './pki/clients.ts'
import type { SecretsBundle, Talos } from './talos.ts'

export interface TalosOptions {
  /** TLS compares with the system's clock; a made-up one here makes certificates that nobody accepts. */
  readonly now: () => Date
  readonly timeoutMs?: number
  /** A channel that nobody used for so long is dropped. Default one minute: its connection has ended by itself before. */
  readonly unusedMs?: number
  readonly log?: { debug(fields: object, message: string): void }
}

const port = 50_000
/** `host`, `host:port`, `[v6]:port` or a bare IPv6 address → host and port. */
const split = (address: string): { readonly host: string; readonly port: number } => {
  const bracketed = /^\[([^\]]+)\](?::(\d+))?$/.exec(address)
  if (bracketed !== null) return { host: bracketed[1]!, port: Number(bracketed[2] ?? port) }
  const colons = address.split(':')
  return colons.length > 2 ? { host: address, port } : { host: colons[0]!, port: Number(colons[1] ?? port) }
}
const authority = (address: string): string => { const { host, port: p } = split(address); return `${host.includes(':') ? `[${host}]` : host}:${p}` }

export const openTalos = ({ now: clock, timeoutMs = 5_000, unusedMs = 60_000, log }: TalosOptions): Talos => {
  const clusters = new Map<string, Map<string, { readonly channel: Channel; usedAt: number }>>()
  const own = new WeakMap<SecretsBundle, OwnCertificate>()
  const clusterIds = new Map<string, string>()

  const channel = (cluster: string, endpoint: string, secrets: SecretsBundle, role: TalosRole): Channel => {
    let channels = clusters.get(cluster)
    if (channels === undefined) clusters.set(cluster, channels = new Map())
    const key = `${role} ${endpoint} ${secrets.certs.os.crt}`
    const now = clock()
    const have = channels.get(key)
    if (have !== undefined && now.getTime() < have.channel.renewAt) {
      have.usedAt = performance.now()
      return have.channel
    }
    if (have !== undefined) have.channel.close()
    const opened = openChannel(endpoint, secrets, role, now)
    channels.set(key, { channel: opened, usedAt: performance.now() })
    log?.debug({ cluster, endpoint, role }, 'Talos channel opened')
    return opened
  }
  const forget = (cluster: string): void => {
    for (const { channel: c } of clusters.get(cluster)?.values() ?? []) c.close()
    clusters.delete(cluster)
  }
  const dropUnused = (): void => {
    const since = performance.now() - unusedMs
    for (const [cluster, channels] of clusters) {
      for (const [key, { channel: c, usedAt }] of channels) if (usedAt < since) { c.close(); channels.delete(key) }
      if (channels.size === 0) clusters.delete(cluster)
    }
  }
  const sweep = setInterval(dropUnused, unusedMs).unref()

  return {
    node: ({ endpoint, node, cluster, secrets, role }) => {
      const to = authority(endpoint)
      return talosNode({
        label: node === undefined ? to : `${node} through ${to}`, node, timeoutMs, clusterIds,
        channel: () => channel(cluster, to, secrets, role),
        adminChannel: () => channel(cluster, to, secrets, 'os:admin'),
      })
    },
    handshake: (address, secrets) => new Promise((resolve) => {
      const now = clock()
      let certificate = own.get(secrets)
      if (certificate === undefined || now.getTime() >= certificate.renewAt) own.set(secrets, certificate = newOwnTalosClient(secrets, 'os:reader', now))
      const socket = connect({ ...split(address), ...tlsOptions(secrets, certificate), ALPNProtocols: ['h2'] })
      const done = (succeeded: boolean) => { clearTimeout(limit); socket.destroy(); resolve(succeeded) }
      // A hung node accepts the connection and says nothing: the limit is ours (rule T3).
      const limit = setTimeout(() => { done(false) }, timeoutMs)
      socket.once('secureConnect', () => { done(socket.authorized) })
      socket.once('error', () => { done(false) })
      socket.once('close', () => { done(false) })
    }),
    forget,
    close: async () => {
      clearInterval(sweep)
      for (const cluster of clusters.keys()) forget(cluster)
    },
  }
}
