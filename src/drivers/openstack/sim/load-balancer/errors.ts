/** Octavia's errors: `{"faultcode", "faultstring", "debuginfo"}`, with the texts of octavia/common/exceptions.py. */
import { Refusal, type Reply } from '../core/call.ts'

export const fault = (status: number, message: string): Reply => ({ status, body: { faultcode: status >= 500 && status !== 501 ? 'Server' : 'Client', faultstring: message, debuginfo: null } })
const refuse = (status: number, message: string): Refusal => new Refusal(fault(status, message))

export const notFound = (resource: string, id: string): Refusal => refuse(404, `${resource} ${id} not found.`)
export const invalidSubresource = (resource: string, id: string): Refusal => refuse(400, `${resource} ${id} not found.`)
export const validation = (detail: string): Refusal => refuse(400, `Validation failure: ${detail}`)
export const invalidOption = (value: unknown, option: string): Refusal => refuse(400, `${String(value)} is not a valid option for ${option}`)
export const invalidField = (field: string, value: unknown, why: string): Refusal => refuse(400, `Invalid input for field/attribute ${field}. Value: '${String(value)}'. ${why}`)
export const mandatory = (field: string): Refusal => refuse(400, `Invalid input for field/attribute ${field}. Value: 'None'. Mandatory field missing.`)
export const immutable = (resource: string, id: string): Refusal => refuse(409, `${resource} ${id} is immutable and cannot be updated.`)
export const pendingState = (state: string, id: string): Refusal => refuse(409, `Invalid state ${state} of loadbalancer resource ${id}`)
export const quota = (resource: string): Refusal => refuse(403, `Quota has been met for resources: ${resource}`)
export const policy = (): Refusal => refuse(403, 'Policy does not allow this request to be performed.')
export const duplicateListener = (protocol: string, port: number): Refusal => refuse(409, `Another Listener on this Load Balancer is already using protocol ${protocol} and protocol_port ${port}`)
export const duplicateMember = (address: string, port: number): Refusal => refuse(409, `Another member on this pool is already using ip ${address} on protocol_port ${port}`)
export const duplicateMonitor = (): Refusal => refuse(409, 'This pool already has a health monitor')
export const duplicatePool = (): Refusal => refuse(409, 'This listener already has a default pool')
export const unsupported = (provider: string, what: string): Refusal => refuse(501, `Provider '${provider}' does not support a requested option: ${what}`)
export const providerUnknown = (provider: string): Refusal => refuse(400, `Provider '${provider}' is not enabled.`)
export const vipNeeded = (): Refusal => refuse(400, 'Validation failure: VIP must contain one of: vip_port_id, vip_network_id, vip_subnet_id.')
/** The provider makes the VIP port; what Neutron says to it comes out as a 500 (seen with 2025.1). */
export const vipInUse = (provider: string, message: string): Refusal => refuse(500, `Provider '${provider}' reports error: ${provider === 'ovn' ? message : 'ConflictException: 409'}`)
export const neutronSaid = (status: number, message: string): Refusal => refuse(status, message)
export const marker = (key: string): Refusal => refuse(400, `Supplied pagination marker '${key}' is not valid.`)
export const limit = (key: string): Refusal => refuse(400, `Supplied pagination limit '${key}' is not valid.`)
