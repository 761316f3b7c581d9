/** JSON values: equality, paths, and parsing that refuses what JSON allows and an API must not (duplicate keys, __proto__, depth). */
import { parseDocument } from 'yaml'
import { badRequest } from './status.ts'

export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export interface JsonObject { readonly [key: string]: Json | undefined }
export type Mutable = { [key: string]: any }

export const isObject = (v: unknown): v is JsonObject => typeof v === 'object' && v !== null && !Array.isArray(v)

export const equal = (a: unknown, b: unknown): boolean => {
  if (a === b) return true
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((x, i) => equal(x, b[i]))
  if (!isObject(a) || !isObject(b)) return false
  const keys = Object.keys(a).filter((k) => a[k] !== undefined)
  return keys.length === Object.keys(b).filter((k) => b[k] !== undefined).length && keys.every((k) => b[k] !== undefined && equal(a[k], b[k]))
}

export const copy = <T>(v: T): T => structuredClone(v)

const maxDepth = 100

/** Refuses `__proto__` and nesting deeper than 100. */
const check = (v: unknown, depth: number): void => {
  if (depth > maxDepth) throw badRequest(`the object is nested deeper than ${maxDepth}`)
  if (Array.isArray(v)) for (const x of v) check(x, depth + 1)
  else if (isObject(v)) for (const k of Object.keys(v)) {
    if (k === '__proto__') throw badRequest('a field is called __proto__')
    check(v[k], depth + 1)
  }
}

/** Keys that stand twice in one object, as paths; only scanned when asked for (fieldValidation is not Ignore). */
export const duplicateKeys = (text: string): readonly string[] => {
  const found: string[] = []
  const stack: { keys: Set<string> | undefined; path: string; key: string; index: number }[] = []
  const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g
  let expectKey = false
  for (let m = token.exec(text); m !== null; m = token.exec(text)) {
    const top = stack.at(-1)
    const t = m[0]
    if (t === '{' || t === '[') {
      const path = top === undefined ? '' : top.keys === undefined ? `${top.path}[${top.index}]` : top.path === '' ? top.key : `${top.path}.${top.key}`
      stack.push({ keys: t === '{' ? new Set() : undefined, path, key: '', index: 0 })
      expectKey = t === '{'
    } else if (t === '}' || t === ']') { stack.pop(); expectKey = false }
    else if (t === ',') { if (top !== undefined) { top.index++; expectKey = top.keys !== undefined } }
    else if (t === ':') expectKey = false
    else if (expectKey && top?.keys !== undefined) {
      const key = JSON.parse(t) as string
      top.key = key
      if (top.keys.has(key)) found.push(top.path === '' ? key : `${top.path}.${key}`)
      top.keys.add(key)
    }
  }
  return found
}

export const parseJson = (text: string): Json => {
  let value: Json
  try { value = JSON.parse(text) as Json } catch (error) { throw badRequest(`the body is no JSON: ${(error as Error).message.slice(0, 200)}`) }
  check(value, 0)
  return value
}

/** YAML of one document; refuses duplicate keys and alias bombs. */
export const parseYaml = (text: string): Json => {
  const trimmed = text.trimStart()
  if (trimmed.startsWith('{')) return parseJson(text)
  const document = parseDocument(text, { uniqueKeys: true, maxAliasCount: 20 } as never)
  if (document.errors.length > 0) throw badRequest(`the body is no YAML: ${document.errors[0]!.message.split('\n')[0] ?? ''}`)
  let value: Json
  try { value = document.toJS({ maxAliasCount: 20 }) as Json } catch (error) { throw badRequest(`the body is no YAML: ${(error as Error).message.slice(0, 200)}`) }
  check(value, 0)
  return value
}
