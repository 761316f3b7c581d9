/** One client for each credential of each site, made again when the credential changes or the cloud offers other services. Whose project it sees is asked of its token each time (rule E2). */
import { createHash } from 'node:crypto'
import type { Site } from '../../api/index.ts'
import type { CloudType, Ports, SiteCloud } from '../../controllers/ports.ts'
import type { OpenCloud as Opened } from '../../drivers/openstack/index.ts'
import type { Collection, Marked } from '../../drivers/openstack/cloud.ts'
import type { Credential, Secrets } from './secrets.ts'

export type OpenCloud = (site: Site, credential: Credential) => Promise<Opened>

type Client = Omit<SiteCloud, 'projectId'> & { readonly cloud: Opened }

/** How often a sealed credential is read again, so that a new one is taken without a restart. */
const rereadMs = 30_000
const settleMs = 20

export const openClouds = (secrets: Secrets, open: OpenCloud): Ports['clouds'] => {
  const clients = new Map<string, { readonly hash: string; readonly cloud: Promise<Client>; readAt: number }>()
  const listeners = new Set<{ readonly types: readonly CloudType[]; readonly changed: (uids: ReadonlySet<string>) => void }>()
  let pending: Map<CloudType, Set<string>> | undefined

  // Changes of one moment are told together.
  const changed = (type: CloudType, uids: ReadonlySet<string>): void => {
    if (pending === undefined) { pending = new Map(); setTimeout(tell, settleMs) }
    pending.set(type, new Set([...(pending.get(type) ?? []), ...uids]))
  }
  const tell = (): void => {
    const all = pending
    pending = undefined
    for (const { types, changed: told } of listeners) {
      const uids = new Set(types.flatMap((t) => [...(all?.get(t) ?? [])]))
      if (uids.size > 0) told(uids)
    }
  }
  const listen = (cloud: Opened): void => {
    const { compute, network, volume, loadBalancer } = cloud
    const told: Readonly<Record<CloudType, Pick<Collection<Marked, never>, 'onChange'> | undefined>> = {
      servers: compute.servers, serverGroups: compute.serverGroups, networks: network.networks, ports: network.ports, routers: network.routers, floatingIps: network.floatingIps,
      securityGroups: network.securityGroups, volumes: volume.volumes, loadBalancers: loadBalancer?.loadBalancers,
    }
    for (const type of Object.keys(told) as CloudType[]) told[type]?.onChange((uids) => { changed(type, uids) })
  }
  const start = async (site: Site, credential: Credential): Promise<Client> => {
    const cloud = await open(site, credential)
    // Who only asks now and then (the API) starts no listers.
    if (listeners.size > 0) listen(cloud)
    return { site: site.metadata.name, cloud }
  }
  /** A token's project may change under our feet: a credential is replaced in place, or somebody's Keystone errs. */
  const withProject = async (client: Promise<Client>): Promise<SiteCloud> => { const c = await client; return { ...c, projectId: (await c.cloud.identity.project()).id } }

  /** Who cannot be asked stays as he is: the calls will say why. */
  const isCurrent = async (client: Promise<Client>): Promise<boolean> => { try { return await (await client).cloud.isCurrent() } catch { return true } }

  return {
    open: async (site, namespace, now = false) => {
      const id = `${site.metadata.uid}/${namespace}`
      const have = clients.get(id)
      if (have !== undefined && !now && performance.now() - have.readAt < rereadMs) return withProject(have.cloud)
      const credential = await secrets.credential(site.metadata.uid, namespace)
      if (credential === undefined) throw Object.assign(new Error(`site ${site.metadata.name} has no credential`), { reason: 'CredentialMissing' })
      const hash = createHash('sha256').update(JSON.stringify([credential, site.spec.authUrl, site.spec.region, site.spec.interface, site.spec.caCertificate, site.spec.callsPerSecond])).digest('hex')
      if (have?.hash === hash && (await isCurrent(have.cloud))) { have.readAt = performance.now(); return withProject(have.cloud) }
      // Projects that share the site's credential share its client, and so its listers (rule E4).
      const twin = [...clients.entries()].find(([key, c]) => c.hash === hash && c.cloud !== have?.cloud && key.startsWith(`${site.metadata.uid}/`))?.[1]
      const cloud = twin?.cloud ?? start(site, credential)
      clients.set(id, { hash, cloud, readAt: performance.now() })
      // The old credential's listers and connections end with its last user.
      if (have !== undefined && ![...clients.values()].some((c) => c.cloud === have.cloud)) have.cloud.then((c) => c.cloud.close()).catch(() => undefined)
      cloud.catch(() => { if (clients.get(id)?.cloud === cloud) clients.delete(id) })
      return withProject(cloud)
    },
    onChange: (types, told) => { const l = { types, changed: told }; listeners.add(l); return () => listeners.delete(l) },
  }
}
