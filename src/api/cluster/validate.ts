/** What a Cluster's schema cannot say. */
import type { FieldError } from '../meta/index.ts'
import { firstOverlap, parseCidr } from '../meta/cidr.ts'
import type { Cluster } from './types.ts'

const immutable = ['site', 'network.nodes', 'network.pods', 'network.services', 'network.cni'] as const
const at = (o: unknown, path: string): unknown => path.split('.').reduce((v: any, k) => v?.[k], o)

export const validateCluster = (cluster: Cluster, old?: Cluster): readonly FieldError[] => {
  const errors: FieldError[] = []
  const { controlPlane, network } = cluster.spec
  if (cluster.metadata.name.length > 30) errors.push({ field: 'metadata.name', reason: 'FieldValueTooLong', message: 'at most 30 characters, so that machines\' names fit' })
  if (![1, 3, 5].includes(controlPlane.replicas))
    errors.push({ field: 'spec.controlPlane.replicas', reason: 'FieldValueNotSupported', message: `${controlPlane.replicas} is not supported: 1, 3 or 5 (an even number of etcd members tolerates no more losses than one fewer)` })
  const ranges = [
    { field: 'spec.network.nodes', cidr: network.nodes },
    ...network.pods.map((cidr, i) => ({ field: `spec.network.pods[${i}]`, cidr })),
    ...network.services.map((cidr, i) => ({ field: `spec.network.services[${i}]`, cidr })),
  ]
  const bad = [...ranges, ...cluster.spec.endpoint.allowedCIDRs.map((cidr, i) => ({ field: `spec.endpoint.allowedCIDRs[${i}]`, cidr }))].filter((r) => parseCidr(r.cidr) === undefined)
  for (const { field, cidr } of bad) errors.push({ field, reason: 'FieldValueInvalid', message: `${cidr} is not an IPv4 network (for example 10.244.0.0/16, host bits zero)` })
  if (bad.length === 0) {
    const clash = firstOverlap(ranges.map((r) => r.cidr))
    if (clash !== undefined) {
      const [a, b] = clash.map((i) => ranges[i]!) as [(typeof ranges)[0], (typeof ranges)[0]]
      errors.push({ field: b.field, reason: 'FieldValueInvalid', message: `${b.cidr} overlaps ${a.cidr} of ${a.field}; the three networks must be apart` })
    }
  }
  if (old !== undefined) {
    for (const path of immutable) {
      if (JSON.stringify(at(old.spec, path)) !== JSON.stringify(at(cluster.spec, path)))
        errors.push({ field: `spec.${path}`, reason: 'FieldValueForbidden', message: `is ${JSON.stringify(at(old.spec, path))} for the cluster's life` })
    }
    if (old.spec.controlPlane.replicas > controlPlane.replicas)
      errors.push({ field: 'spec.controlPlane.replicas', reason: 'FieldValueForbidden', message: 'a control plane does not shrink yet' })
  }
  return errors
}
