import { expect, test } from 'vitest'
import { describe as say, failureOf, isAlreadyExists, isBusy, isConflict, isQuota, isTransient, isUnclear, type Service } from '../errors.ts'
import { fault, refused } from './classify.ts'

const answer = (service: Service, status: number, body: unknown, o: { readonly creates?: boolean; readonly headers?: Record<string, string> } = {}) => {
  const e = refused({ service, method: 'POST', path: '/things', creates: o.creates ?? true }, { status, headers: o.headers ?? {}, body: typeof body === 'string' ? body : JSON.stringify(body) }, [])
  const f = failureOf(e)!
  return { kind: f.kind, ...(f.duplicate === true && { duplicate: true }), ...(f.unclear === true && { unclear: true }) }
}
const nova = (code: number, key: string, message: string) => ({ [key]: { code, message } })
const neutron = (type: string, message: string) => ({ NeutronError: { type, message, detail: '' } })
const octavia = (faultstring: string) => ({ faultcode: 'Client', faultstring, debuginfo: null })

/** As services of 2025.1 write them. */
test.for<[string, Service, number, unknown, object]>([
  ['Nova, not enough', 'compute', 403, nova(403, 'forbidden', 'Quota exceeded for cores: Requested 2, but already used 0 of 1 cores'), { kind: 'quota' }],
  ['Nova, group full', 'compute', 403, nova(403, 'forbidden', 'Quota exceeded, too many servers in group'), { kind: 'quota' }],
  ['Nova, not allowed', 'compute', 403, nova(403, 'forbidden', "Policy doesn't allow os_compute_api:servers:create to be performed."), { kind: 'denied' }],
  ['Nova, port in use', 'compute', 409, nova(409, 'conflictingRequest', 'Port 5f is still in use.'), { kind: 'conflict' }],
  ['Nova, volume in use', 'compute', 400, nova(400, 'badRequest', 'Invalid volume: Volume 5f status must be available or reserved, current status is in-use.'), { kind: 'conflict' }],
  ['Nova, bad flavor', 'compute', 400, nova(400, 'badRequest', 'Flavor x could not be found.'), { kind: 'invalid' }],
  ['Nova, microversion', 'compute', 406, { computeFault: { code: 406, message: 'Version 2.79 is not supported by the API. Minimum is 2.1 and maximum is 2.60.' } }, { kind: 'unsupported' }],
  ['Nova, broken', 'compute', 500, nova(500, 'computeFault', 'Unexpected API Error.'), { kind: 'transient', unclear: true }],
  ['Neutron, not enough', 'network', 409, neutron('OverQuota', "Quota exceeded for resources: ['port']."), { kind: 'quota' }],
  ['Neutron, no address left', 'network', 409, neutron('IpAddressGenerationFailure', 'No more IP addresses available on network x.'), { kind: 'quota' }],
  ['Neutron, external addresses gone', 'network', 400, neutron('ExternalIpAddressExhausted', 'Unable to find any IP address on external network x.'), { kind: 'quota' }],
  ['Neutron, address taken', 'network', 409, neutron('IpAddressAlreadyAllocated', 'IP address 10.0.0.5 already allocated in subnet x'), { kind: 'conflict' }],
  ['Neutron, in use', 'network', 409, neutron('NetworkInUse', 'Unable to complete operation on network x.'), { kind: 'conflict' }],
  ['Neutron, rule is there', 'network', 409, neutron('SecurityGroupRuleExists', 'Security group rule already exists. Rule id is x.'), { kind: 'conflict', duplicate: true }],
  ['Neutron, interface is there', 'network', 400, neutron('BadRequest', 'Bad router request: Router already has a port on subnet x.'), { kind: 'conflict', duplicate: true }],
  ['Neutron, lost a race', 'network', 409, neutron('RetryRequest', 'x'), { kind: 'transient' }],
  ['Neutron, behind a proxy', 'network', 503, '<html><body><h1>503 Service Unavailable</h1>No server is available.</body></html>', { kind: 'transient', unclear: true }],
  ['Cinder, not enough', 'volume', 413, nova(413, 'overLimit', 'VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota.'), { kind: 'quota' }],
  ['Cinder, in use', 'volume', 400, nova(400, 'badRequest', 'Invalid volume: Volume status must be available or error or error_restoring.'), { kind: 'conflict' }],
  ['Octavia, not enough', 'load-balancer', 403, octavia('Quota has been met for resources: LoadBalancer'), { kind: 'quota' }],
  ['Octavia, not allowed', 'load-balancer', 403, octavia('Policy does not allow this request to be performed.'), { kind: 'denied' }],
  ['Octavia, at work', 'load-balancer', 409, octavia('Load Balancer x is immutable and cannot be updated.'), { kind: 'transient' }],
  ['Octavia, at work on a deletion', 'load-balancer', 409, octavia('Invalid state PENDING_UPDATE of loadbalancer resource x'), { kind: 'transient' }],
  ['Octavia, listener is there', 'load-balancer', 409, octavia('Another Listener on this Load Balancer is already using protocol_port 6443'), { kind: 'conflict', duplicate: true }],
  ['Octavia, pool is there', 'load-balancer', 409, octavia('This listener already has a default pool'), { kind: 'conflict', duplicate: true }],
  ['Octavia, monitor is there', 'load-balancer', 409, octavia('This pool already has a health monitor'), { kind: 'conflict', duplicate: true }],
  ['Octavia, member is there', 'load-balancer', 409, octavia('Another member on this pool is already using ip 10.0.0.5 on protocol_port 6443'), { kind: 'conflict', duplicate: true }],
  ['Octavia, address taken (ovn)', 'load-balancer', 500, { ...octavia("Provider 'ovn' reports error: IP address 10.77.0.6 already allocated in subnet x"), faultcode: 'Server' }, { kind: 'conflict' }],
  ['Octavia, address taken (amphora)', 'load-balancer', 500, { ...octavia("Provider 'amphora' reports error: ConflictException: 409"), faultcode: 'Server' }, { kind: 'conflict' }],
  ['Octavia, provider broken', 'load-balancer', 500, { ...octavia("Provider 'ovn' reports error: timed out"), faultcode: 'Server' }, { kind: 'transient', unclear: true }],
  ['Octavia, provider cannot', 'load-balancer', 501, octavia("Provider 'ovn' does not support a requested option: allowed_cidrs"), { kind: 'invalid' }],
  ['Glance, id is there', 'image', 409, '<html><head><title>409 Conflict</title></head><body><h1>409 Conflict</h1>Image ID x already exists!<br /></body></html>', { kind: 'conflict', duplicate: true }],
  ['Keystone, name is there', 'identity', 409, { error: { code: 409, title: 'Conflict', message: 'Duplicate entry found.' } }, { kind: 'conflict', duplicate: true }],
  ['nobody\'s 429', 'network', 429, 'slow down', { kind: 'transient' }],
  ['nobody\'s 404', 'network', 404, neutron('NetworkNotFound', 'Network x could not be found.'), { kind: 'not-found' }],
])('O3 %s', ([, service, status, body, expected]) => {
  expect(answer(service, status, body)).toEqual(expected)
})

test('O3 a quota is tried again after a minute, whatever Retry-After says', () => {
  const e = refused({ service: 'volume', method: 'POST', path: '/volumes', creates: true }, { status: 413, headers: { 'retry-after': '0' }, body: JSON.stringify(nova(413, 'overLimit', 'too many')) }, [])
  expect([isQuota(e), failureOf(e)?.retryAfter, isUnclear(e), isTransient(e)]).toEqual([true, 60, false, false])
})

test('O3 the predicates look through what an error was wrapped in, and messages carry code, sentence and request id', () => {
  const e = refused({ service: 'load-balancer', method: 'POST', path: '/lbaas/listeners', creates: true }, { status: 409, headers: { 'x-openstack-request-id': 'req-1' }, body: JSON.stringify(octavia('Load Balancer x is immutable and cannot be updated.')) }, [])
  const wrapped = new Error('create listener', { cause: new Error('step', { cause: e }) })
  expect([isBusy(wrapped), isConflict(wrapped), isAlreadyExists(wrapped)]).toEqual([true, false, false])
  expect(say(wrapped)).toBe('create listener: step: load-balancer POST /lbaas/listeners: 409 ImmutableObject: Load Balancer x is immutable and cannot be updated. (req-1)')
})

test('O3 an HTML page is read without its tags, and a long one is cut', () => {
  const e = refused({ service: 'network', method: 'GET', path: '/ports', creates: false }, { status: 502, headers: {}, body: `<html><head><title>502</title><style>p{}</style></head><body><p>Bad\n Gateway</p>${'x'.repeat(5000)}</body></html>` }, [])
  expect(e.message).toMatch(/^network GET \/ports: 502: Bad Gateway x+$/)
  expect(e.message.length).toBeLessThan(400)
})

test('E3 no answer to a creating call is unclear when it was sent, and clear when nobody received it', () => {
  const creating = { service: 'compute', method: 'POST', path: '/servers', creates: true } as const
  const reset = Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' })
  const nobody = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
  expect([fault(creating, reset, true), fault(creating, new Error('x'), true, 'none within 30000 ms'), fault(creating, nobody, true), fault(creating, reset, false), fault({ ...creating, creates: false }, reset, true)].map((e) => [isTransient(e), isUnclear(e)])).toEqual([[true, true], [true, true], [true, false], [true, false], [true, false]])
})
