/** Where each service answers: from the token's catalogue, with the version that we speak at the end of the address. */
import { openstackError, type Service } from '../errors.ts'
import { identityUrl, type Session } from './token.ts'

/** The official service types first, then their aliases (service-types-authority). */
const types: Readonly<Record<Service, readonly string[]>> = {
  identity: ['identity'], compute: ['compute'], network: ['network'], volume: ['block-storage', 'volumev3', 'volume', 'block-store'], image: ['image'], 'load-balancer': ['load-balancer'],
}

export type Interface = 'public' | 'internal'

export interface Where {
  readonly region?: string
  readonly interface: Interface
  /** Instead of the catalogue's. */
  readonly endpoints: Readonly<Partial<Record<Service, string>>>
  readonly authUrl: string
}

const withVersion = (url: string, service: Service, projectId: string): string => {
  const bare = url.replace(/\/+$/, '')
  switch (service) {
    case 'identity': return `${bare.replace(/\/v(2\.0|3)$/, '')}/v3`
    // A project in the path is of old catalogues; v2 is the same API without microversions.
    case 'compute': return `${bare.replace(/\/(?:AUTH_)?[0-9a-f-]{32,36}$/, '').replace(/\/v2(\.\d+)?$/, '')}/v2.1`
    case 'network': return `${bare.replace(/\/v2(\.0)?$/, '')}/v2.0`
    case 'image': return `${bare.replace(/\/v[12](\.\d+)?$/, '')}/v2`
    // The path without a project exists since 3.67 only.
    case 'volume': return `${bare.replace(/\/(?:AUTH_)?[0-9a-f-]{32,36}$/, '').replace(/\/v[123]$/, '')}/v3/${projectId}`
    case 'load-balancer': return `${bare.replace(/\/v2(\.0)?$/, '')}/v2`
  }
}

export const hasService = (session: Session, where: Where, service: Service): boolean => find(session, where, service) !== undefined

const find = (session: Session, where: Where, service: Service): string | undefined => {
  const override = where.endpoints[service]
  if (override !== undefined) return override
  for (const type of types[service]) {
    const found = session.catalogue.filter((e) => e.type === type && e.interface === where.interface && (where.region === undefined || e.region === where.region) && !/\/v[12]\/[^/]*$/.test(service === 'volume' ? e.url : ''))
    if (found[0] !== undefined) return found[0].url
  }
  return undefined
}

export const endpointOf = (session: Session, where: Where, service: Service): string => {
  const url = find(session, where, service)
  if (url !== undefined) return withVersion(url, service, session.projectId)
  if (service === 'identity') return identityUrl(where.authUrl)
  const regions = [...new Set(session.catalogue.map((e) => e.region))].sort()
  throw openstackError({ kind: 'unsupported', service, status: 0, type: 'NotInCatalogue' }, `the cloud's catalogue has no ${where.interface} endpoint of ${service}${where.region === undefined ? '' : ` in region ${where.region}`}; regions: ${regions.join(', ') || 'none'}`)
}
