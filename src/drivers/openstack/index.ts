/** Opens one project of one cloud. */
import type { Dispatcher } from 'undici'
import { tokenBucket, type Budget } from './budget.ts'
import type { Cloud } from './cloud.ts'
import { openCompute } from './compute.ts'
import { openImage } from './image.ts'
import { defaultLister, type ListerOptions } from './lister.ts'
import { openLoadBalancer } from './load-balancer.ts'
import { openNetwork } from './network.ts'
import { openTransport, type Auth } from './transport.ts'
import { openVolume } from './volume.ts'

export * from './errors.ts'
export type { Auth } from './transport.ts'
export { tokenBucket, type Budget } from './budget.ts'

export interface OpenOptions {
  readonly auth: Auth
  readonly region?: string | undefined
  readonly interface?: 'public' | 'internal' | undefined
  readonly caCertificate?: string | undefined
  readonly dispatcher?: Dispatcher | undefined
  /** Shared by all projects of a cloud. Default 100 calls a second. */
  readonly budget?: Budget
  readonly lister?: Partial<ListerOptions>
  /** Wall clock, milliseconds: tokens end by it. */
  readonly now?: () => number
  readonly timeoutMs?: number
}

/** Logs in; throws isCredentialRejected(e) when the log-in is refused. */
export const openCloud = async (o: OpenOptions): Promise<Cloud> => {
  const transport = openTransport({ ...o, budget: o.budget ?? tokenBucket(100, 200), now: o.now ?? Date.now })
  const lister = { ...defaultLister, ...o.lister }
  const hasBalancers = await transport.has('load-balancer')
  return {
    identity: {
      describe: async () => {
        const t = await transport.token()
        return { projectId: t.project.id, projectName: t.project.name, userName: t.user, roles: t.roles, tokenExpiresAt: new Date(t.expiresAt).toISOString(), services: t.catalog.map((s) => s.type), ...(await credentialEnd(o, transport)) }
      },
    },
    compute: openCompute(transport, lister),
    network: openNetwork(transport, lister),
    volume: openVolume(transport, lister),
    image: openImage(transport),
    ...(hasBalancers && { loadBalancer: openLoadBalancer(transport, lister) }),
  }
}

/** When an application credential ends, where it may ask about itself. */
const credentialEnd = async (o: OpenOptions, t: ReturnType<typeof openTransport>): Promise<{ readonly credentialExpiresAt?: string }> => {
  const id = o.auth.applicationCredential?.id
  if (id === undefined) return {}
  try {
    const { body } = await t.call('identity', { method: 'GET', path: `/auth/tokens` , headers: { 'x-subject-token': (await t.token()).id } })
    const own = (body?.token?.application_credential ?? {}) as { expires_at?: string | null }
    return own.expires_at === undefined || own.expires_at === null ? {} : { credentialExpiresAt: own.expires_at }
  } catch {
    return {}
  }
}
