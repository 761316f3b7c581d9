/** Neutron's errors: `{"NeutronError": {type, message, detail}}`. Types and texts are those of neutron and neutron-lib. */
import { type Call, Refusal, type Reply } from '../core/call.ts'

export const neutronError = (status: number, message: string, type: string): Reply => ({ status, body: { NeutronError: { type, message, detail: '' } } })

const plain: Readonly<Record<number, string>> = { 400: 'HTTPBadRequest', 401: 'HTTPUnauthorized', 403: 'HTTPForbidden', 404: 'HTTPNotFound', 405: 'HTTPMethodNotAllowed', 409: 'HTTPConflict', 429: 'HTTPTooManyRequests', 500: 'HTTPInternalServerError', 503: 'HTTPServiceUnavailable' }
export const plainError = (status: number, message: string, _call?: Call): Reply => neutronError(status, status === 500 ? 'Request Failed: internal server error while processing your request.' : message, plain[status] ?? 'HTTPInternalServerError')

const refusal = (status: number, type: string, message: string): Refusal => new Refusal(neutronError(status, message, type))

export const badRequest = (message: string): Refusal => refusal(400, 'HTTPBadRequest', message)
export const invalidInput = (message: string): Refusal => refusal(400, 'InvalidInput', `Invalid input for operation: ${message}.`)
export const badResource = (resource: string, message: string): Refusal => refusal(400, 'BadRequest', `Bad ${resource} request: ${message}.`)
export const required = (attribute: string): Refusal => badRequest(`Failed to parse request. Required attribute '${attribute}' not specified`)
export const unrecognized = (names: readonly string[]): Refusal => badRequest(`Unrecognized attribute(s) '${names.join(', ')}'`)
export const readOnly = (name: string): Refusal => badRequest(`Cannot update read-only attribute ${name}`)
export const notInPost = (name: string): Refusal => badRequest(`Attribute '${name}' not allowed in POST`)
export const policy = (action: string): Refusal => refusal(403, 'PolicyNotAuthorized', `rule:${action} is disallowed by policy`)
export const overQuota = (resource: string): Refusal => refusal(409, 'OverQuota', `Quota exceeded for resources: ['${resource}'].`)

export const notFound = {
  network: (id: string) => refusal(404, 'NetworkNotFound', `Network ${id} could not be found.`),
  subnet: (id: string) => refusal(404, 'SubnetNotFound', `Subnet ${id} could not be found.`),
  port: (id: string) => refusal(404, 'PortNotFound', `Port ${id} could not be found.`),
  router: (id: string) => refusal(404, 'RouterNotFound', `Router ${id} could not be found`),
  securityGroup: (id: string) => refusal(404, 'SecurityGroupNotFound', `Security group ${id} does not exist`),
  rule: (id: string) => refusal(404, 'SecurityGroupRuleNotFound', `Security group rule ${id} does not exist`),
  floatingIp: (id: string) => refusal(404, 'FloatingIPNotFound', `Floating IP ${id} could not be found`),
  tag: (tag: string) => refusal(404, 'TagNotFound', `Tag ${tag} could not be found.`),
  interfaceOfSubnet: (router: string, subnet: string) => refusal(404, 'RouterInterfaceNotFoundForSubnet', `Router ${router} has no interface on subnet ${subnet}`),
  interface: (router: string, port: string) => refusal(404, 'RouterInterfaceNotFound', `Router ${router} does not have an interface with id ${port}`),
  gatewayForFloatingIp: (external: string, subnet: string, port: string) => refusal(404, 'ExternalGatewayForFloatingIPNotFound', `External network ${external} is not reachable from subnet ${subnet}.  Therefore, cannot associate Port ${port} with a Floating IP.`),
}

export const conflict = {
  networkInUse: (id: string) => refusal(409, 'NetworkInUse', `Unable to complete operation on network ${id}. There are one or more ports still in use on the network, id for these ports is UNAVAILABLE.`),
  networkInUseBy: (id: string, ports: readonly string[]) => refusal(409, 'NetworkInUse', `Unable to complete operation on network ${id}. There are one or more ports still in use on the network, id for these ports is ${ports.join(',')}.`),
  subnetInUse: (id: string) => refusal(409, 'SubnetInUse', `Unable to complete operation on subnet ${id}: One or more ports have an IP allocation from this subnet.`),
  allocated: (ip: string, subnet: string) => refusal(409, 'IpAddressAlreadyAllocated', `IP address ${ip} already allocated in subnet ${subnet}`),
  exhausted: (subnet: string) => refusal(409, 'IpAddressGenerationFailure', `No more IP addresses available for subnet ${subnet}.`),
  networkExhausted: (network: string) => refusal(409, 'IpAddressGenerationFailure', `No more IP addresses available on network ${network}.`),
  macInUse: (network: string, mac: string) => refusal(409, 'MacAddressInUse', `Unable to complete operation for network ${network}. The mac address ${mac} is in use.`),
  servicePort: (port: string, owner: string) => refusal(409, 'ServicePortInUse', `Port ${port} cannot be deleted directly via the port API: has device owner ${owner}.`),
  portInUse: (port: string, network: string, device: string) => refusal(409, 'PortInUse', `Unable to complete operation on port ${port} for network ${network}. Port already has an attached device ${device}.`),
  routerInUse: (router: string, ports: readonly string[]) => refusal(409, 'RouterInUse', `Router ${router} has ports still attached: ${ports.join(', ')}`),
  interfaceHasFloatingIp: (router: string, subnet: string) => refusal(409, 'RouterInterfaceInUseByFloatingIP', `Router interface for subnet ${subnet} on router ${router} cannot be deleted, as it is required by one or more floating IPs.`),
  gatewayHasFloatingIp: (router: string) => refusal(409, 'RouterExternalGatewayInUseByFloatingIp', `Gateway cannot be updated for router ${router}, since a gateway to external network is required by one or more floating IPs.`),
  floatingIpOnPort: (address: string, port: string, fixed: string, network: string) => refusal(409, 'FloatingIPPortAlreadyAssociated', `Cannot associate floating IP ${address} (${network}) with port ${port} using fixed IP ${fixed}, as that fixed IP already has a floating IP on external network ${network}.`),
  floatingAddress: (address: string, network: string) => refusal(409, 'IpAddressInUse', `Unable to complete operation for network ${network}. The IP address ${address} is in use.`),
  groupInUse: (id: string) => refusal(409, 'SecurityGroupInUse', `Security Group ${id} in use.`),
  defaultGroup: () => refusal(409, 'SecurityGroupCannotRemoveDefault', 'Insufficient rights for removing default security group.'),
  defaultExists: () => refusal(409, 'SecurityGroupDefaultAlreadyExists', 'Default security group already exists.'),
  ruleExists: (id: string) => refusal(409, 'SecurityGroupRuleExists', `Security group rule already exists. Rule id is ${id}.`),
  gatewayIpInUse: (ip: string, port: string) => refusal(409, 'GatewayIpInUse', `Current gateway ip ${ip} already in use by port ${port}. Unable to update.`),
  gatewayInPool: (ip: string, pool: string) => refusal(409, 'GatewayConflictWithAllocationPools', `Gateway ip ${ip} conflicts with allocation pool ${pool}.`),
}

export const groupsNeedSecurity = (): Refusal => refusal(400, 'PortSecurityAndIPRequiredForSecurityGroups', 'Port security must be enabled and port must have an IP address in order to use security groups.')
export const addressNotInSubnet = (ip: string): Refusal => refusal(400, 'InvalidIpForSubnet', `IP address ${ip} is not a valid IP for the specified subnet.`)
export const outOfBounds = (pool: string, cidr: string): Refusal => refusal(400, 'OutOfBoundsAllocationPool', `The allocation pool ${pool} spans beyond the subnet cidr ${cidr}.`)

const singulars: Readonly<Record<string, string>> = { networks: 'network', subnets: 'subnet', ports: 'port', routers: 'router', 'security-groups': 'security_group', floatingips: 'floatingip' }
export const tagResource = (collection: string, id: string): Refusal => refusal(404, 'TagResourceNotFound', `Resource ${singulars[collection] ?? collection} ${id} could not be found.`)
export const extension = (alias: string): Refusal => refusal(404, 'HTTPNotFound', `Extension with alias ${alias} does not exist`)
