/** The OpenStack contract suite against the lab: `./dev lab test`. Project demo; project tenant2 is made poor for the run. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openCloud, openRejections, readCloudsYaml, type CloudOptions } from '../src/drivers/openstack/index.ts'
import { openstackContract } from '../testkit/openstack-contract/index.ts'

const file = process.env['OS_CLIENT_CONFIG_FILE'] ?? join(process.env['SKERRY_LAB_DIR'] ?? join(process.env['HOME'] ?? '/root', '.cache/skerry-lab/openstack'), 'clouds.yaml')
const limitMs = 600_000

/** One token and plain calls, for what the driver does not do. */
const plain = async (name: string) => {
  const { auth } = readCloudsYaml(name, readFileSync(file, 'utf8'), undefined, file)
  const p = auth.password!
  const answer = await fetch(`${auth.authUrl}/auth/tokens`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ auth: {
    identity: { methods: ['password'], password: { user: { name: p.username, domain: { name: p.userDomainName }, password: p.password } } }, scope: { project: { name: p.projectName, domain: { name: p.projectDomainName } } },
  } }) })
  const { token } = await answer.json() as { token: { user: { id: string }; project: { id: string }; catalog: { type: string; endpoints: { interface: string; url: string }[] }[] } }
  const url = (type: string) => token.catalog.find((s) => s.type === type)!.endpoints.find((e) => e.interface === 'public')!.url
  return {
    userId: token.user.id, projectId: token.project.id,
    raw: async (type: string, method: string, path: string, body?: object) => {
      const reply = await fetch(`${url(type)}${path}`, { method, headers: { 'content-type': 'application/json', 'x-auth-token': answer.headers.get('x-subject-token')! }, ...(body !== undefined && { body: JSON.stringify(body) }) })
      const text = await reply.text()
      return { status: reply.status, body: text.startsWith('{') ? JSON.parse(text) as Record<string, unknown> : {} }
    },
  }
}

const open = (name: string, options: Partial<CloudOptions> = {}) => {
  const { auth, region } = readCloudsYaml(name, readFileSync(file, 'utf8'), undefined, file)
  return openCloud({ auth, region, rejections: openRejections(), timeouts: { callMs: 120_000, listMs: 120_000 }, ...options })
}

openstackContract('lab', async () => {
  const cloud = await open('lab-demo')
  const poor = await open('lab-tenant2')
  const [admin, demo, { projectId }] = [await plain('lab-admin'), await plain('lab-demo'), await poor.identity.describe()]
  const quotas = [
    ['compute', `/os-quota-sets/${projectId}`, { quota_set: { cores: 1 } }], ['network', `/v2.0/quotas/${projectId}`, { quota: { floatingip: 0 } }],
    ['volumev3', `/os-quota-sets/${projectId}`, { quota_set: { gigabytes: 1 } }], ['load-balancer', `/v2/lbaas/quotas/${projectId}`, { quota: { load_balancer: 0 } }],
  ] as const
  for (const [type, path, body] of quotas) {
    const { status } = await admin.raw(type, 'PUT', path, body)
    if (status >= 300) throw new Error(`quota of ${type}: ${status}`)
  }
  const [flavors, images, networks] = [await cloud.compute.flavors(), await cloud.image.list(), (await cloud.network.networks.list()).items]
  const flavor = (name: string): string => flavors.find((f) => f.name === name)!.id
  return {
    cloud, poor, again: (options) => open('lab-demo', options),
    refused: (options) => { const { auth } = readCloudsYaml('lab-demo', readFileSync(file, 'utf8'), undefined, file); return open('lab-demo', { ...options, auth: { ...auth, password: { ...auth.password!, password: 'wrong-password' } } }) },
    flavorId: flavor('v1.small'), diskFlavorId: flavor('m1.small'), hugeFlavorId: flavor('huge'), imageId: images.find((i) => i.name === 'lab-guest')!.id, rootGiB: 2,
    externalNetworkId: networks.find((n) => n.name === 'public')!.id, providerNetworkId: networks.find((n) => n.name === 'provider')!.id, loadBalancerProviders: ['amphora', 'ovn'], patienceMs: 240_000,
    userId: demo.userId, raw: demo.raw,
    close: async () => {
      for (const [type, path] of quotas) await admin.raw(type, 'DELETE', path)
      await Promise.all([cloud.close(), poor.close()])
    },
  }
}, limitMs)
