/** JSON patch (RFC 6902) on a copy. Own fields only, so that no path leads into a prototype, and what `copy` makes is limited. */
import { badRequest } from './status.ts'
import { copy, equal, isObject, type Json, type Mutable } from './values.ts'

const operationsAtMost = 10_000
const copiedAtMost = 3 << 20

interface Operation { readonly op: string; readonly path: string; readonly from?: string; readonly value?: unknown }
/** An operation is not well formed, or does not fit the object. */
export type Misfit = Error & { readonly misfit: true }
const misfit = (message: string): Misfit => Object.assign(new Error(message), { misfit: true } as const)
export const isMisfit = (e: unknown): e is Misfit => (e as { misfit?: unknown } | undefined)?.misfit === true

export const parseJsonPatch = (body: Json): readonly Operation[] => {
  if (!Array.isArray(body)) throw badRequest('a JSON patch is a list of operations')
  if (body.length > operationsAtMost) throw badRequest(`a JSON patch has at most ${operationsAtMost} operations`)
  return body.map((o: unknown, i) => {
    if (!isObject(o)) throw badRequest(`operation ${i} is no object`)
    if (typeof o['op'] !== 'string' || typeof o['path'] !== 'string') throw misfit(`operation ${i}: op and path are required`)
    if ((o['op'] === 'move' || o['op'] === 'copy') && typeof o['from'] !== 'string') throw misfit(`operation ${i}: from is required`)
    if (['add', 'replace', 'test'].includes(o['op']) && !('value' in o)) throw badRequest(`operation ${i}: value is required`)
    return o as unknown as Operation
  })
}

const tokensOf = (pointer: string): readonly string[] => {
  if (pointer === '') return []
  if (!pointer.startsWith('/')) throw misfit(`"${pointer.slice(0, 100)}" is no JSON pointer`)
  const tokens = pointer.slice(1).split('/').map((t) => t.replaceAll('~1', '/').replaceAll('~0', '~'))
  if (tokens.includes('__proto__')) throw badRequest('a field is called __proto__')
  return tokens
}
const child = (v: unknown, token: string): unknown => {
  if (Array.isArray(v)) return /^(0|[1-9]\d*)$/.test(token) ? v[Number(token)] : undefined
  return isObject(v) && Object.hasOwn(v, token) ? v[token] : undefined
}

/** Changes `object` in place; throws a Misfit when an operation does not fit. */
export const applyJsonPatch = (object: Mutable, operations: readonly Operation[]): Mutable => {
  const root: Mutable = { object }
  let copied = 0

  const place = (pointer: string): { readonly parent: unknown; readonly token: string } => {
    const tokens = ['object', ...tokensOf(pointer)]
    const parent = tokens.slice(0, -1).reduce<unknown>(child, root)
    if (parent === undefined || parent === null || typeof parent !== 'object') throw misfit(`path ${pointer} is not there`)
    return { parent, token: tokens.at(-1)! }
  }
  const get = (pointer: string): unknown => {
    const { parent, token } = place(pointer)
    const v = child(parent, token)
    if (v === undefined) throw misfit(`path ${pointer} is not there`)
    return v
  }
  const add = (pointer: string, value: unknown): void => {
    const { parent, token } = place(pointer)
    if (!Array.isArray(parent)) { (parent as Mutable)[token] = value; return }
    const at = token === '-' ? parent.length : Number(token)
    if (!(token === '-' || /^(0|[1-9]\d*)$/.test(token)) || at > parent.length) throw misfit(`path ${pointer}: no such place in a list of ${parent.length}`)
    parent.splice(at, 0, value)
  }
  const remove = (pointer: string): void => {
    get(pointer)
    const { parent, token } = place(pointer)
    if (Array.isArray(parent)) parent.splice(Number(token), 1)
    else delete (parent as Mutable)[token]
  }
  /** A field that is not there is made, as in kube-apiserver; RFC 6902 would have it refused. */
  const replace = (pointer: string, value: unknown): void => {
    const { parent, token } = place(pointer)
    if (Array.isArray(parent)) get(pointer)
    ;(parent as Mutable)[token] = value
  }

  /** What is not there is null: the way to say that it must not be there. */
  const test = (pointer: string, value: unknown): void => {
    const { parent, token } = place(pointer)
    if (Array.isArray(parent)) get(pointer)
    if (!equal(child(parent, token) ?? null, value)) throw misfit(`testing value ${pointer} failed`)
  }

  for (const o of operations) {
    switch (o.op) {
      case 'add': add(o.path, copy(o.value)); break
      case 'replace': replace(o.path, copy(o.value)); break
      case 'remove': remove(o.path); break
      case 'test': test(o.path, o.value); break
      case 'copy': {
        const value = copy(get(o.from!))
        copied += JSON.stringify(value).length
        if (copied > copiedAtMost) throw misfit(`copies of more than ${copiedAtMost} bytes`)
        add(o.path, value)
        break
      }
      case 'move': {
        if (o.path.startsWith(`${o.from!}/`)) throw misfit(`${o.from!} cannot be moved into itself`)
        const value = get(o.from!)
        remove(o.from!)
        add(o.path, value)
        break
      }
      default: throw misfit(`unknown operation ${o.op.slice(0, 40)}`)
    }
  }
  const result = root['object'] as unknown
  if (!isObject(result)) throw misfit('what is left is no object')
  return result as Mutable
}
