/** Opens a site's cloud with one of its credentials; the budget belongs to the cloud, whatever the project (rule E4). */
import type { Site } from '../../api/index.ts'
import { openCloud, tokenBucket, type Budget } from '../../drivers/openstack/index.ts'
import type { OpenCloud } from './clouds.ts'

export const cloudOpener = (): OpenCloud => {
  const budgets = new Map<string, Budget>()
  return (site: Site, credential) => {
    const { authUrl, region, caCertificate, callsPerSecond } = site.spec
    const budget = budgets.get(authUrl) ?? tokenBucket(callsPerSecond, 2 * callsPerSecond)
    budget.pace(callsPerSecond, 2 * callsPerSecond)
    budgets.set(authUrl, budget)
    return openCloud({ auth: { authUrl, ...credential }, region, interface: site.spec.interface, caCertificate, budget })
  }
}
