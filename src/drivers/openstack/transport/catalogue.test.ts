import { expect, test } from 'vitest'
import { isUnsupported, type Service } from '../errors.ts'
import { endpointOf } from './catalogue.ts'
import type { Session } from './token.ts'

const project = '485d98b658024111918fd2bd932b7a71'
const session = (entries: readonly (readonly [type: string, url: string, region?: string, kind?: string])[]): Session => ({
  token: 't', issuedAt: 0, renewAt: 1, endsAt: 1, expiresAt: '', projectId: project, projectName: 'p', userId: 'u', userName: 'u', roles: [],
  catalogue: entries.map(([type, url, region = 'one', kind = 'public']) => ({ type, url, region, interface: kind })),
})
const where = { interface: 'public', endpoints: {}, authUrl: 'https://id.example/v3' } as const

test.for<[Service, string, string, string]>([
  ['compute', 'compute', 'https://c/v2.1', 'https://c/v2.1'], ['compute', 'compute', `https://c/v2.1/${project}`, 'https://c/v2.1'], ['compute', 'compute', 'https://c/compute/v2', 'https://c/compute/v2.1'], ['compute', 'compute', 'https://c', 'https://c/v2.1'],
  ['network', 'network', 'https://n:9696', 'https://n:9696/v2.0'], ['network', 'network', 'https://n/network/v2.0/', 'https://n/network/v2.0'],
  ['image', 'image', 'https://i:9292/', 'https://i:9292/v2'], ['image', 'image', 'https://i/image/v2', 'https://i/image/v2'],
  ['volume', 'block-storage', 'https://v/v3', `https://v/v3/${project}`], ['volume', 'volumev3', `https://v/v3/${project}`, `https://v/v3/${project}`],
  ['load-balancer', 'load-balancer', 'https://l:9876', 'https://l:9876/v2'], ['load-balancer', 'load-balancer', 'https://l/load-balancer/v2.0', 'https://l/load-balancer/v2'],
  ['identity', 'identity', 'https://k/identity', 'https://k/identity/v3'],
])('%s of %s at %s is called at %s', ([service, type, url, expected]) => {
  expect(endpointOf(session([[type, url]]), where, service)).toBe(expected)
})

test('region and interface choose; an override goes first; the old block-storage API is not taken', () => {
  const s = session([['compute', 'https://one', 'one'], ['compute', 'https://two', 'two'], ['compute', 'https://inside', 'two', 'internal'], ['volume', 'https://v/v2/x'], ['volumev3', 'https://v/v3/x']])
  expect(endpointOf(s, { ...where, region: 'two' }, 'compute')).toBe('https://two/v2.1')
  expect(endpointOf(s, { ...where, region: 'two', interface: 'internal' }, 'compute')).toBe('https://inside/v2.1')
  expect(endpointOf(s, { ...where, endpoints: { compute: 'https://mine/v2.1' } }, 'compute')).toBe('https://mine/v2.1')
})

test('a service that is missing is named, with the regions that there are', () => {
  try { endpointOf(session([['compute', 'https://one', 'one']]), { ...where, region: 'three' }, 'compute'); expect.unreachable() } catch (e) {
    expect([isUnsupported(e), (e as Error).message]).toEqual([true, 'the cloud\'s catalogue has no public endpoint of compute in region three; regions: one'])
  }
})
