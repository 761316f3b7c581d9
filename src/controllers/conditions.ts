/** Every reason that a condition of ours can have, and whose move it then is. A reason that is not here does not compile. */
import { conditionMaker } from '../api/meta/index.ts'
import type { NewCondition } from '../api/meta/index.ts'
import type { Pass } from '../engine/shapes.ts'
import { CreationsFailed } from './outside.ts'
import type { Ports } from './ports.ts'
import { ViewError } from './view.ts'

export const reasons = {
  Ready: undefined, Done: undefined, Idle: undefined, Deleting: 'Platform', Abandoned: 'Platform', Creating: 'Platform', Looking: 'Cloud',
  SiteMissing: 'User', SiteNotReady: 'Platform', ReleaseMissing: 'User', ClusterMissing: 'User', MachineTypeMissing: 'User', ImageMissing: 'Platform',
  CredentialMissing: 'Platform', SecretsMissing: 'Platform', CredentialRejected: 'Platform', CredentialOfAnotherProject: 'Platform', CredentialExpiring: 'Platform', CloudUnreachable: 'Cloud', CloudViewIncomplete: 'Cloud',
  QuotaExceeded: 'User', CloudRefused: 'Cloud', CloudTooOld: 'Cloud', ConfigurationTooLarge: 'User', UnknownObjects: 'Platform',
  WaitingForTurn: 'Platform', WaitingForNetwork: 'Platform', WaitingForEndpoint: 'Platform', WaitingForMachines: 'Cloud', WaitingForWorkers: 'Platform', WaitingForControlPlane: 'Platform', WaitingForAddOns: 'Platform',
  WaitingForVolume: 'Cloud', WaitingForServer: 'Cloud', WaitingForBoot: 'Cloud', WaitingForNode: 'Platform', WaitingForEtcd: 'Platform', WaitingForApi: 'Platform', WaitingForLoadBalancer: 'Cloud',
  LoadBalancerError: 'Cloud', LoadBalancerStuck: 'Cloud', AllowListNotEnforceable: 'Platform', ServerError: 'Cloud', BootTimeout: 'Cloud', ServerStuckDeleting: 'Cloud', PortOrVolumeStuck: 'Cloud', HostNotFenced: 'Cloud',
  EtcdDataLost: 'Platform', EtcdUnhealthy: 'Platform', BlockedBy: 'User', Draining: 'User', NotReady: 'Platform', Failed: 'Platform', Unreachable: 'Platform',
  MetadataReachable: 'Platform', MetadataProtected: undefined, AddOnRefused: 'Platform', NetworkAmbiguous: 'User', NetworkMissing: 'Platform', NetworkUnguarded: 'Cloud', LoadBalancerMissing: 'Cloud', EgressUnknown: 'User',
} as const
export type Reason = keyof typeof reasons

export const condition = conditionMaker(reasons)

/** What a failed pass means to a person. Texts hold no secret: the drivers' errors do not. */
export const blame = (pass: Pass, ports: Ports): { readonly reason: Reason; readonly message: string } | undefined => {
  if (pass.error === undefined) return undefined
  const error = pass.error.error instanceof CreationsFailed ? pass.error.error.cause : pass.error.error
  const message = ports.errors.describe(error)
  if (error instanceof ViewError) return { reason: error.reason, message: error.message }
  if ((error as { reason?: string }).reason === 'CredentialMissing') return { reason: 'CredentialMissing', message: 'no credential was given for this site; run skerry site add again' }
  if ((error as { reason?: string }).reason === 'SecretsMissing') return { reason: 'SecretsMissing', message: (error as Error).message }
  if (ports.errors.isCredentialRejected(error)) return { reason: 'CredentialRejected', message: `Keystone refuses the credential: ${message}; give the site a new one` }
  if ((error as { field?: string }).field === 'userData') return { reason: 'ConfigurationTooLarge', message }
  if (ports.errors.isQuota(error)) return { reason: 'QuotaExceeded', message: `${message}; raise the quota or free something, it is tried again by itself` }
  if (ports.errors.isUnclear(error) || ports.errors.isUnavailable(error)) return { reason: 'CloudUnreachable', message: `${message}; it is tried again by itself` }
  return { reason: 'CloudRefused', message }
}

/** The condition that follows from how a pass ended; `ready` when nothing is left to do. */
export const fromPass = (type: string, pass: Pass, ports: Ports, ready: { readonly reason: Reason; readonly message: string }): NewCondition => {
  const failed = blame(pass, ports)
  if (failed !== undefined) return condition(type, 'False', failed.reason, failed.message)
  const { outcome } = pass
  return outcome.kind === 'settled' ? condition(type, 'True', ready.reason, ready.message) : condition(type, 'False', outcome.reason as Reason, outcome.message)
}
