/** The catalogue as a usual deployment registers it: public, internal and admin endpoint for each service. */
import { createHash } from 'node:crypto'
import type { Settings } from '../options.ts'

const id = (text: string): string => createHash('md5').update(text).digest('hex')

export const catalogue = (settings: Settings, base: string, project: string): readonly object[] => {
  const services: (readonly [string, string, string])[] = [
    ['identity', 'keystone', `${base}/identity`],
    ['compute', 'nova', `${base}/compute/v2.1`],
    ['network', 'neutron', `${base}/network`],
    ['block-storage', 'cinder', `${base}/volume/v3/${project}`],
    ['volumev3', 'cinderv3', `${base}/volume/v3/${project}`],
    ['image', 'glance', `${base}/image`],
  ]
  if (settings.shape === 'tenant') services.push(['load-balancer', 'octavia', `${base}/load-balancer`])
  return services.map(([type, name, url]) => ({
    id: id(type), type, name,
    endpoints: ['public', 'internal', 'admin'].map((kind) => ({ id: id(`${type}/${kind}`), interface: kind, region_id: settings.region, region: settings.region, url })),
  }))
}
