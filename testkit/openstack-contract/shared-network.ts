/** A network of the provider's to which servers attach directly: the address is its to give, and nothing refuses a second port (rule O2). */
import { expect, test } from 'vitest'
import type { Cloud, Mark } from '../../src/drivers/openstack/cloud.ts'
import { isConflict, isDenied } from '../../src/drivers/openstack/index.ts'

export interface SharedNetworkBed { readonly cloud: Cloud; readonly providerNetworkId: string | undefined; mark(role: string): Mark }

export const sharedNetworkRow = (bed: () => SharedNetworkBed): void => {
  test('O2 port: on a shared network nothing refuses a second one, and the address cannot be chosen', async ({ skip }) => {
    const { cloud, providerNetworkId, mark: of } = bed()
    const networkId = providerNetworkId ?? skip('the cloud has no shared provider network')
    const { ports } = cloud.network
    const mark = of('shared')
    const [a, b] = [await ports.create({ networkId, securityGroupIds: [] }, mark), await ports.create({ networkId, securityGroupIds: [] }, mark)]
    expect(a.id).not.toBe(b.id)
    const subnetId = a.fixedIps[0]!.subnetId
    const chosen = await ports.create({ networkId, fixedIps: [{ subnetId, address: a.fixedIps[0]!.address }], securityGroupIds: [] }, mark).catch((e: unknown) => e)
    expect(isDenied(chosen) || isConflict(chosen)).toBe(true)
    for (const p of [a, b]) await ports.delete(p.id)
  })
  test('O6 the lists of routers and floating IPs can be read whether Neutron has them or not', async () => {
    const { network } = bed().cloud
    expect([Array.isArray((await network.routers.list()).items), Array.isArray((await network.floatingIps.list()).items)]).toEqual([true, true])
  })
}
