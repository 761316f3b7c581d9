/** The contract suite against the simulator. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openstackContract, sharedNetworkRow } from '../../../testkit/openstack-contract/index.ts'
import { openCloud, openRejections, type CloudOptions, type OpenCloud } from './index.ts'
import { startOpenStackSim, type OpenStackSim } from './sim/index.ts'

openstackContract('simulator', async () => {
  const flavors = [{ id: 'small', name: 'small', vcpus: 2, ramMiB: 2048, diskGiB: 0 }, { id: 'disk', name: 'disk', vcpus: 2, ramMiB: 2048, diskGiB: 20 }, { id: 'huge', name: 'huge', vcpus: 300, ramMiB: 1024, diskGiB: 0 }]
  const sim = await startOpenStackSim({
    flavors, hosts: { count: 4, vcpus: 64, ramMiB: 65_536 },
    latencies: { serverBuild: 20, serverDelete: 20, serverReboot: 20, volumeCreate: 20, volumeFromImage: 40, volumeDelete: 20, volumeAttach: 10, loadBalancerCreate: 60, loadBalancerChange: 40, loadBalancerDelete: 40 },
    projects: [{ name: 'demo', user: 'demo', password: 'demo' }, { name: 'poor', user: 'poor', password: 'poor', quota: { cores: 1, floatingip: 0, gigabytes: 1, load_balancer: 0 } }],
  })
  const image = sim.seedImage({ name: 'talos-v1.13.9', properties: { os_distro: 'talos', os_version: 'v1.13.9' } })
  const of = (name: string, options: Partial<CloudOptions> = {}, password = name) => openCloud({
    auth: { authUrl: sim.authUrl, password: { username: name, password, projectName: name } }, region: sim.region, rejections: openRejections(), loadBalancer: { lookMs: 10 },
    ...options, lists: { pollMs: 40, ...options.lists },
  })
  const cloud = await of('demo')
  const poor = await of('poor')
  const token = await fetch(`${sim.authUrl}/auth/tokens`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ auth: {
    identity: { methods: ['password'], password: { user: { name: 'demo', domain: { name: 'Default' }, password: 'demo' } } }, scope: { project: { name: 'demo', domain: { name: 'Default' } } },
  } }) })
  const { token: { user } } = await token.json() as { token: { user: { id: string } } }
  const networks = (await cloud.network.networks.list()).items
  let fault: ReturnType<typeof sim.faults.add> | undefined
  return {
    cloud, poor, again: (options) => of('demo', options), refused: (options) => of('demo', options, 'wrong-password'),
    flavorId: 'small', diskFlavorId: 'disk', hugeFlavorId: 'huge', imageId: image.id, rootGiB: 10, externalNetworkId: networks.find((n) => n.external)!.id, loadBalancerProviders: ['amphora', 'ovn'], patienceMs: 10_000,
    userId: user.id,
    raw: async (service, method, path, body) => {
      const answer = await fetch(`${sim.url}/${service}/${service === 'identity' ? 'v3' : 'v2.1'}${path}`, { method, headers: { 'content-type': 'application/json', 'x-auth-token': token.headers.get('x-subject-token')! }, ...(body !== undefined && { body: JSON.stringify(body) }) })
      const text = await answer.text()
      return { status: answer.status, body: text === '' ? {} : JSON.parse(text) as Record<string, unknown> }
    },
    softDelete: (on) => { fault?.remove(); fault = on ? sim.faults.add({ kind: 'soft-delete', service: 'compute', method: 'DELETE' }) : undefined },
    close: async () => { await Promise.all([cloud.close(), poor.close()]); await sim.close() },
  }
})

describe('simulator of shape routed', () => {
  let sim: OpenStackSim
  let cloud: OpenCloud
  let providerNetworkId: string | undefined
  beforeAll(async () => {
    sim = await startOpenStackSim({ shape: 'routed' })
    cloud = await openCloud({ auth: { authUrl: sim.authUrl, password: { username: 'demo', password: 'demo', projectName: 'demo' } }, rejections: openRejections() })
    providerNetworkId = (await cloud.network.networks.list()).items.find((n) => n.shared)?.id
  })
  afterAll(async () => { await cloud.close(); await sim.close() })

  sharedNetworkRow(() => ({ cloud, providerNetworkId, mark: (role) => ({ uid: 'b7c6d3f0-1111-4222-8333-444455556666', site: 'routed', role }) }))

  test('a cloud without Octavia opens without load balancers', () => {
    expect(cloud.loadBalancer).toBeUndefined()
  })
})
