/** Opens a site's cloud with one of its credentials; the budget belongs to the cloud, whatever the project (rule E4). */
import type { Site } from '../../api/index.ts'
import { openCloud, tokenBucket, type Budget } from '../../drivers/openstack/index.ts'
import type { OpenCloud } from './clouds.ts'

/** Calls a second to one cloud on average, and at once. */
const perSecond = 200
const burst = 400

export const cloudOpener = (): OpenCloud => {
  const budgets = new Map<string, Budget>()
  return (site: Site, credential) => {
    const { authUrl, region, caCertificate } = site.spec
    const budget = budgets.get(authUrl) ?? tokenBucket(perSecond, burst)
    budgets.set(authUrl, budget)
    return openCloud({ auth: { authUrl, ...credential }, region, interface: site.spec.interface, caCertificate, budget })
  }
}
