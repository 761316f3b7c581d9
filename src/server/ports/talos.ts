/** Talos as controllers use it: nodes through their cluster's endpoint, configuration rendered and packed. */
import type { Cluster } from '../../api/index.ts'
import type { Ports } from '../../controllers/ports.ts'
import { renderMachineConfig } from '../../drivers/talos/config/render.ts'
import { packUserData } from '../../drivers/talos/config/user-data.ts'
import type { Talos } from '../../drivers/talos/talos.ts'

const apiPort = 50_000

/** Through the balancer when there is one; else straight to the node, or through the first slot for a node that only it can reach. */
const endpointOf = (cluster: Cluster, address: string): string => {
  const endpoint = cluster.status?.endpoint
  const direct = endpoint?.kind === 'nodes' && (endpoint.addresses ?? []).includes(address)
  return `${direct ? address : (endpoint?.host ?? address)}:${apiPort}`
}

export const talosPort = (talos: Talos): Ports['talos'] => ({
  node: (cluster, secrets, address) => {
    const endpoint = endpointOf(cluster, address)
    return talos.node({ endpoint, ...(endpoint !== `${address}:${apiPort}` && { node: address }), cluster: cluster.metadata.uid, secrets, role: 'os:admin' })
  },
  renderMachineConfig, packUserData,
  forget: (cluster) => talos.forget(cluster.metadata.uid),
})
