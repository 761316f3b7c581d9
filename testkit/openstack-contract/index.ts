/**
 * What every OpenStack must do for the driver, and the driver for us: one suite for the simulator and for a real cloud, so that the
 * simulator cannot agree with our mistakes. Proves rules O1, O2, O3, O4, E1, E2 and E4 row by row; cleans up after itself by mark.
 */
import { afterAll, beforeAll, describe } from 'vitest'
import { newMarks, sweep, type Bed } from './bed.ts'
import { credentialRows } from './credentials.ts'
import { listingRows } from './listings.ts'
import { loadBalancerRows } from './load-balancers.ts'
import { networkRows } from './networks.ts'
import { quotaRows } from './quotas.ts'
import { serverRows } from './servers.ts'
import { sharedNetworkRow } from './shared-network.ts'
import type { Connect } from './subject.ts'

export { sharedNetworkRow } from './shared-network.ts'
export type { Connect, Subject } from './subject.ts'

/** `slow`: how much longer than a simulator this cloud takes. */
export const openstackContract = (name: string, connect: Connect, limitMs = 60_000): void => {
  describe(`OpenStack contract: ${name}`, { timeout: limitMs }, () => {
    const bed = {} as Bed
    beforeAll(async () => {
      bed.subject = await connect()
      bed.marks = newMarks()
      const { cloud } = bed.subject
      // Left by a run that was ended in the middle.
      const hourAgo = new Date(Date.now() - 3_600_000).toISOString()
      const old = new Set((await cloud.network.networks.list()).items.filter((n) => n.mark?.site.startsWith('contract-') === true && (n.createdAt ?? '') < hourAgo).map((n) => n.mark!.site))
      if (old.size > 0) await sweep(cloud, (m) => old.has(m.site), bed.subject.patienceMs)
      bed.network = await cloud.network.networks.create({}, bed.marks.mark('network'))
      bed.subnet = await cloud.network.subnets.create({ networkId: bed.network.id, cidr: '10.77.0.0/24', dnsServers: ['10.77.0.3'], allocationPools: [{ start: '10.77.0.20', end: '10.77.0.250' }] }, bed.marks.mark('subnet'))
    }, limitMs)
    afterAll(async () => {
      if (bed.subject === undefined) return
      const ours = (m: { readonly site: string }): boolean => m.site === bed.marks?.site
      try {
        await sweep(bed.subject.cloud, ours, bed.subject.patienceMs)
        await sweep(bed.subject.poor, ours, bed.subject.patienceMs)
      } finally { await bed.subject.close() }
    }, limitMs * 2)

    credentialRows(bed)
    networkRows(bed)
    sharedNetworkRow(() => ({ cloud: bed.subject.cloud, providerNetworkId: bed.subject.providerNetworkId, mark: bed.marks.mark }))
    listingRows(bed)
    serverRows(bed)
    quotaRows(bed)
    loadBalancerRows(bed)
  })
}
