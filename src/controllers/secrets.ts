/** The keys of a cluster (rule T7), for steps that cannot do without. */
import type { Cluster } from '../api/index.ts'
import type { SecretsBundle } from '../drivers/talos/talos.ts'
import type { Ports } from './ports.ts'

/** Throws an error with `reason: 'SecretsMissing'` when they are lost. */
export const secretsOf = async (ports: Ports, cluster: Cluster): Promise<SecretsBundle> => {
  const bundle = await ports.secrets.get(cluster.metadata.uid)
  if (bundle === undefined) throw Object.assign(new Error(`the keys of cluster ${cluster.metadata.name} are lost; give them back: skerry cluster secrets import ${cluster.metadata.name} FILE`), { reason: 'SecretsMissing' })
  return bundle
}
