/** The OpenStack contract suite against the lab's real services, in two projects of its own. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openCloud, openRejections, readCloudsYaml, type CloudOptions } from '../src/drivers/openstack/index.ts'
import { openstackContract } from '../testkit/openstack-contract/index.ts'
import { project } from './project.ts'

const enter = join(import.meta.dirname, 'openstack/enter')
const labDir = process.env['SKERRY_LAB_DIR'] ?? join(process.env['HOME'] ?? '/root', '.cache/skerry-lab/openstack')
const password = 'labpw'
/** Wide enough that a server larger than any host is refused by the scheduler and not by quota. */
const wide = { compute: { instances: 200, cores: 2_000_000, ram: 20_000_000, server_groups: 50 }, volume: { volumes: 100, gigabytes: 10_000 } }
const narrow = { compute: { cores: 1 }, volume: { gigabytes: 1 }, network: { floating_ips: 0 }, load_balancer: { load_balancer: 0 } }

openstackContract('lab', async () => {
  const { auth: { authUrl }, region } = readCloudsYaml('lab-demo', readFileSync(join(labDir, 'clouds.yaml'), 'utf8'))
  await project(enter, 'contract', 'ensure', wide)
  await project(enter, 'contract-poor', 'ensure', narrow)
  const of = (name: string, options: Partial<CloudOptions> = {}, secret = password) => openCloud({ auth: { authUrl, password: { username: name, password: secret, projectName: name } }, region, rejections: openRejections(), ...options })
  const cloud = await of('contract')
  const poor = await of('contract-poor')

  const login = await fetch(`${authUrl}/auth/tokens`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ auth: {
    identity: { methods: ['password'], password: { user: { name: 'contract', domain: { name: 'Default' }, password } } }, scope: { project: { name: 'contract', domain: { name: 'Default' } } },
  } }) })
  const { token } = await login.json() as { token: { user: { id: string }; catalog: { type: string; endpoints: { interface: string; url: string }[] }[] } }
  const nova = token.catalog.find((service) => service.type === 'compute')!.endpoints.find((endpoint) => endpoint.interface === 'public')!.url
  const flavors = await cloud.compute.flavors()
  const flavor = (name: string): string => { const found = flavors.find((one) => one.name === name); if (found === undefined) throw new Error(`the lab has no flavor ${name}: ./dev lab down, up`); return found.id }
  const networks = (await cloud.network.networks.list()).items
  return {
    cloud, poor, again: (options) => of('contract', options), refused: (options) => of('contract', options, 'wrong-password'),
    flavorId: flavor('v1.small'), diskFlavorId: flavor('m1.small'), hugeFlavorId: flavor('huge'), imageId: (await cloud.image.list()).find((image) => image.name === 'lab-guest')!.id, rootGiB: 1,
    externalNetworkId: networks.find((network) => network.name === 'public')!.id, providerNetworkId: networks.find((network) => network.name === 'provider')!.id,
    loadBalancerProviders: ['amphora', 'ovn'], patienceMs: 180_000, userId: token.user.id,
    raw: async (service, method, path, body) => {
      const answer = await fetch(`${service === 'identity' ? authUrl : nova}${path}`, { method, headers: { 'content-type': 'application/json', 'x-auth-token': login.headers.get('x-subject-token')! }, ...(body !== undefined && { body: JSON.stringify(body) }) })
      const text = await answer.text()
      return { status: answer.status, body: text === '' ? {} : JSON.parse(text) as Record<string, unknown> }
    },
    close: async () => { await Promise.all([cloud.close(), poor.close()]) },
  }
}, 600_000)
