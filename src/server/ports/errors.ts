/** The drivers' predicates, together: each answers for its own errors only. */
import type { Ports } from '../../controllers/ports.ts'
import * as kubernetes from '../../drivers/kubernetes/errors.ts'
import * as openstack from '../../drivers/openstack/errors.ts'
import * as talos from '../../drivers/talos/errors.ts'

const text = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  // A wrapped error says what was done; what went wrong is below it.
  const below = error.cause instanceof Error && openstack.detailsOf(error) === undefined ? `: ${error.cause.message}` : ''
  return `${error.message}${below}`.slice(0, 600)
}

export const driverErrors: Ports['errors'] = {
  isUnclear: (e) => openstack.isUnclear(e) || talos.isUnclear(e),
  isQuota: openstack.isQuota,
  isConflict: openstack.isConflict,
  isNotFound: (e) => openstack.isNotFound(e) || talos.isNotFound(e) || kubernetes.isNotFound(e),
  isDenied: (e) => openstack.isDenied(e) || talos.isPermission(e),
  isCredentialRejected: openstack.isCredentialRejected,
  isUnavailable: (e) => openstack.isTransient(e) || openstack.isIncomplete(e) || openstack.isBusy(e) || talos.isUnavailable(e) || kubernetes.isUnavailable(e),
  isAlreadyExists: (e) => talos.isAlreadyExists(e),
  describe: text,
}
