/** Nova's errors: `{"conflictingRequest": {code, message}}`, by status. */
import { Refusal, type Reply } from '../core/call.ts'

const names: Readonly<Record<number, string>> = { 400: 'badRequest', 401: 'unauthorized', 403: 'forbidden', 404: 'itemNotFound', 405: 'badMethod', 409: 'conflictingRequest', 413: 'overLimit', 415: 'badMediaType', 429: 'overLimit', 501: 'notImplemented', 503: 'serviceUnavailable' }

export const novaError = (status: number, message: string): Reply => ({ status, body: { [names[status] ?? 'computeFault']: { code: status, message } } })
export const refuse = (status: number, message: string): Refusal => new Refusal(novaError(status, message))
export const badInput = (field: string, value: unknown, reason: string): Refusal => refuse(400, `Invalid input for field/attribute ${field}. Value: ${typeof value === 'string' ? value : JSON.stringify(value)}. ${reason}`)
export const serverNotFound = (id: string): Refusal => refuse(404, `Instance ${id} could not be found.`)
export const invalidState = (action: string, id: string, attr: 'vm_state' | 'task_state', state: string | null): Refusal => refuse(409, `Cannot '${action}' instance ${id} while it is in ${attr} ${state}`)
export const policy = (rule: string): Refusal => refuse(403, `Policy doesn't allow ${rule} to be performed.`)
