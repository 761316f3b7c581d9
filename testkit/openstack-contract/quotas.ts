/** What each service answers when there is not enough (rule O3): 403, 409, 413 with Retry-After 0, 403. Nothing is made by these calls. */
import { expect, test } from 'vitest'
import { failureOf, isConflict, isDenied, isQuota, isUnclear, retryAfterOf } from '../../src/drivers/openstack/index.ts'
import type { Bed } from './bed.ts'

const seen = (e: unknown) => ({ status: failureOf(e)?.status, quota: isQuota(e), conflict: isConflict(e), denied: isDenied(e), unclear: isUnclear(e), retryAfter: retryAfterOf(e), names: (e as Error).message })
const quota = (status: number) => ({ status, quota: true, conflict: false, denied: false, unclear: false, retryAfter: 60, names: expect.stringMatching(/uota|exceed/i) })

export const quotaRows = (bed: Bed): void => {
  test('O3 quota: Nova answers 403', async () => {
    const { poor, diskFlavorId, imageId } = bed.subject
    const network = await poor.network.networks.create({}, bed.marks.mark('quota'))
    await poor.network.subnets.create({ networkId: network.id, cidr: '10.79.0.0/24', dnsServers: [] }, bed.marks.mark('quota'))
    const port = await poor.network.ports.create({ networkId: network.id, securityGroupIds: [] }, bed.marks.mark('quota'))
    const volume = await poor.volume.volumes.create({ sizeGiB: 1 }, bed.marks.mark('quota'))
    const error = await poor.compute.servers.create({ name: 'quota', flavorId: diskFlavorId, imageId, portId: port.id, userData: '' }, bed.marks.mark('quota')).catch((e: unknown) => e)
    expect(seen(error)).toEqual(quota(403))
    expect((await poor.compute.quota()).cores.limit).toBe(1)
    expect((await poor.volume.quota()).volumes.used).toBe(1)
    expect(volume.sizeGiB).toBe(1)
  })

  test('O3 quota: Neutron answers 409, which is no conflict', async () => {
    const { poor, externalNetworkId } = bed.subject
    expect(seen(await poor.network.floatingIps.create({ externalNetworkId }, bed.marks.mark('quota')).catch((e: unknown) => e))).toEqual(quota(409))
    expect((await poor.network.quota()).floatingip).toEqual({ limit: 0, used: 0 })
    expect((await poor.network.quota()).network.used).toBeGreaterThan(0)
  })

  test('O3 quota: Cinder answers 413, whatever its Retry-After says', async () => {
    expect(seen(await bed.subject.poor.volume.volumes.create({ sizeGiB: 2 }, bed.marks.mark('quota')).catch((e: unknown) => e))).toEqual(quota(413))
  })

  test('O3 quota: Octavia answers 403', async ({ skip }) => {
    const { poor } = bed.subject
    const balancer = poor.loadBalancer ?? skip('the cloud has no load balancers')
    const network = (await poor.network.networks.list()).items.find((n) => n.mark?.site === bed.marks.site)
    const error = await balancer.loadBalancers.create({ vipSubnetId: network!.subnetIds[0]!, provider: bed.subject.loadBalancerProviders[0]! }, bed.marks.mark('quota')).catch((e: unknown) => e)
    expect(seen(error)).toEqual(quota(403))
    expect(await balancer.quota()).toEqual({ loadBalancers: { limit: 0, used: 0 } })
  })

  test('limits and use are told by every service', async () => {
    const { cloud } = bed.subject
    const [c, n, v] = await Promise.all([cloud.compute.quota(), cloud.network.quota(), cloud.volume.quota()])
    for (const q of [...Object.values(c), ...Object.values(n), ...Object.values(v)]) expect(q).toEqual({ limit: expect.any(Number), used: expect.any(Number) })
    expect(n.network.used).toBeGreaterThan(0)
    expect((await cloud.volume.types()).length).toBeGreaterThan(0)
    expect((await cloud.compute.flavors()).find((f) => f.id === bed.subject.flavorId)).toMatchObject({ diskGiB: 0 })
    expect((await cloud.network.extensions()).has('router')).toBe(true)
  })
}
