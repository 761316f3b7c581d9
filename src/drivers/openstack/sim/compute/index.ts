/** Nova v2.1 with microversions 2.1 to 2.96: puts its parts together and reads the version of each call. */
import type { Api, Call, Json } from '../core/call.ts'
import { ok } from '../core/call.ts'
import type { World } from '../core/world.ts'
import type { Guests } from '../guests.ts'
import type { NetworkSide } from '../network/index.ts'
import type { VolumeSide } from '../volume/index.ts'
import { actions } from './actions.ts'
import { createServer } from './create.ts'
import { novaError, refuse } from './errors.ts'
import { extras } from './extras.ts'
import { life as lifeOf } from './life.ts'
import { serversOf } from './servers.ts'
import { usageOf } from './usage.ts'

const [minimum, maximum] = [2001, 2096]
const shown = (version: number): string => `${Math.floor(version / 1000)}.${version % 1000}`

const asked = (call: Call): string | undefined => {
  const header = call.headers['openstack-api-version']
  if (typeof header === 'string') {
    const match = /(?:^|,)\s*compute\s+([^\s,]+)/.exec(header)
    if (match !== null) return match[1]
  }
  const legacy = call.headers['x-openstack-nova-api-version']
  return typeof legacy === 'string' ? legacy : undefined
}

export const compute = (world: World, network: NetworkSide, volume: VolumeSide, guests: Guests): Api => {
  const usage = usageOf(world)
  const life = lifeOf(world, network, volume, usage, guests)
  const servers = serversOf(world, life)
  const version = (call: Call): Json => ({ id: 'v2.1', status: 'CURRENT', version: shown(maximum), min_version: shown(minimum), updated: '2013-07-23T11:33:21Z', links: [{ rel: 'self', href: `${call.base}/compute/v2.1/` }] })
  return {
    name: 'compute',
    open: (_method, path) => path === '/' || path === '/v2.1' || path === '/v2.1/',
    error: (status, message) => novaError(status, status === 500 ? `Unexpected API Error. Please report this at http://bugs.launchpad.net/nova/ and attach the Nova API log if possible.\n${message}` : message),
    begin(call) {
      const text = asked(call)
      if (text === undefined) call.version = minimum
      else if (text === 'latest') call.version = maximum
      else {
        const match = /^([1-9]\d*)\.([1-9]\d*|0)$/.exec(text)
        if (match === null) throw refuse(400, `API Version String ${text} is of invalid format. Must be of format MajorNum.MinorNum.`)
        const n = Number(match[1]) * 1000 + Number(match[2])
        if (Number(match[2]) > 999 || n < minimum || n > maximum) throw refuse(406, `Version ${text} is not supported by the API. Minimum is ${shown(minimum)} and maximum is ${shown(maximum)}.`)
        call.version = n
      }
    },
    headers: (call): Readonly<Record<string, string>> => (call.version === 0 ? {} : { 'openstack-api-version': `compute ${shown(call.version)}`, 'x-openstack-nova-api-version': shown(call.version), vary: 'OpenStack-API-Version, X-OpenStack-Nova-API-Version' }),
    routes: {
      'GET /': (call) => ok({ versions: [{ id: 'v2.0', status: 'SUPPORTED', version: '', min_version: '', updated: '2011-01-21T11:33:21Z', links: [{ rel: 'self', href: `${call.base}/compute/v2/` }] }, version(call)] }),
      'GET /v2.1': (call) => ok({ version: { ...(version(call) as object), 'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.compute+json;version=2.1' }] } }),
      'POST /v2.1/servers': createServer(world, network, volume, usage, life),
      'POST /v2.1/os-volumes_boot': createServer(world, network, volume, usage, life),
      ...servers.routes, ...actions(world, servers, life, guests, volume), ...extras(world, usage),
    },
  }
}
