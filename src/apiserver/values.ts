/** JSON values: equality, copies, and parsing that refuses what JSON and YAML allow and an API must not (duplicate keys, `__proto__`, depth). */
import { isScalar, parseDocument, visit, type Document, type YAMLError } from 'yaml'
import { endOfString } from '../store/json-text.ts'
import { apiStatusOf, badRequest, tooBig } from './status.ts'

export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export interface JsonObject { readonly [key: string]: Json | undefined }
export type Mutable = { [key: string]: any }

export const isObject = (v: unknown): v is JsonObject => typeof v === 'object' && v !== null && !Array.isArray(v)

export const equal = (a: unknown, b: unknown): boolean => {
  if (a === b) return true
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((x, i) => equal(x, b[i]))
  if (!isObject(a) || !isObject(b)) return false
  let more = 0
  for (const k of Object.keys(b)) if (b[k] !== undefined) more++
  for (const k of Object.keys(a)) {
    if (a[k] === undefined) continue
    if (!equal(a[k], b[k])) return false
    more--
  }
  return more === 0
}

/** Of JSON values; structuredClone took five times as long. */
export const copy = <T>(v: T): T => {
  if (Array.isArray(v)) return v.map(copy) as T
  if (!isObject(v)) return v
  const out: Mutable = {}
  for (const k of Object.keys(v)) out[k] = copy(v[k])
  return out as T
}

/** What a client sent where a text was wanted, for messages: its own `toString` may be anything. */
export const shown = (v: unknown): string => (typeof v === 'string' ? v : (JSON.stringify(v) ?? ''))

/** A time as Kubernetes writes it. */
export const seconds = (d: Date): string => `${d.toISOString().slice(0, 19)}Z`

const maxDepth = 100
const maxValues = 100_000
/** Kubernetes keeps whole numbers to here exactly, and those beyond as doubles. */
const int64 = 2 ** 63
const short = (v: unknown): string => String(v).slice(0, 40)

/**
 * Refuses what would not be read as it was written, or costs too much: `__proto__`, nesting, many values, numbers that a double
 * does not hold exactly, halves of surrogate pairs. Answers the number of fields.
 */
export const guard = (v: unknown): number => {
  let fields = 0
  let values = 0
  const walk = (x: unknown, depth: number): void => {
    if (++values > maxValues) throw badRequest(`the object has more than ${maxValues} values`)
    switch (typeof x) {
      case 'string': if (!x.isWellFormed()) throw badRequest('a string has half of a surrogate pair'); return
      case 'number': if (!Number.isFinite(x) || (Number.isInteger(x) && !Number.isSafeInteger(x) && Math.abs(x) <= int64)) throw badRequest(`the number ${short(x)} cannot be kept exactly`); return
      case 'object': break
      default: return
    }
    if (x === null) return
    if (depth > maxDepth) throw badRequest(`the object is nested deeper than ${maxDepth}`)
    if (Array.isArray(x)) { for (const y of x) walk(y, depth + 1); return }
    for (const k of Object.keys(x)) {
      if (k === '__proto__') throw badRequest('a field is called __proto__')
      if (!k.isWellFormed()) throw badRequest('a field\'s name has half of a surrogate pair')
      fields++
      walk((x as JsonObject)[k], depth + 1)
    }
  }
  walk(v, 0)
  return fields
}

/** How many `"name":` stand in a valid JSON text; more than its objects have fields means that one stands twice. */
const namesIn = (text: string): number => {
  let count = 0
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === 0x3a) count++
    else if (c === 0x22) i = endOfString(text, i)
  }
  return count
}

/** What a parser says, without the text that it quotes: that may be a secret. */
const withoutText = (message: string): string => message.replace(/, (\.\.\.)?".*$/s, '').slice(0, 200)
const yamlProblem = (error: unknown): string => {
  const { linePos, code, message } = error as Partial<YAMLError> & Error
  return linePos === undefined ? message.split(':')[0]!.slice(0, 200) : `${code ?? 'unknown'} at line ${linePos[0].line}, column ${linePos[0].col}`
}

/** JSON, but not what two readers may read differently: no field called `__proto__`, and none that stands twice unless `onTwice` hears of it; then the last one counts. */
export const parseJson = (text: string, onTwice?: (path: string) => void): Json => {
  let value: Json
  try { value = JSON.parse(text) as Json } catch (error) { throw badRequest(`the body is no JSON: ${withoutText((error as Error).message)}`) }
  if (guard(value) === namesIn(text)) return value
  const twice = duplicateNames(text)
  if (onTwice === undefined) throw badRequest(`strict decoding error: duplicate field "${twice[0] ?? ''}"`)
  twice.forEach(onTwice)
  return value
}

const duplicatesAtMost = 50
/** The paths of fields that stand twice in one object. */
const duplicateNames = (text: string): readonly string[] => {
  const found = new Set<string>()
  const stack: { readonly names: Set<string> | undefined; readonly path: string; name: string; index: number }[] = []
  let isName = false
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]/g)) {
    const top = stack.at(-1)
    const here = (): string => (top === undefined ? '' : top.names === undefined ? `${top.path}[${top.index}]` : top.path === '' ? top.name : `${top.path}.${top.name}`)
    if (token === '{' || token === '[') {
      stack.push({ names: token === '{' ? new Set() : undefined, path: here(), name: '', index: 0 })
      isName = token === '{'
    } else if (token === '}' || token === ']') {
      stack.pop()
      isName = false
    } else if (token === ',') {
      if (top !== undefined) top.index++
      isName = top?.names !== undefined
    } else if (token === ':') isName = false
    else if (isName && top?.names !== undefined) {
      top.name = JSON.parse(token) as string
      if (top.names.has(top.name) && found.size < duplicatesAtMost) found.add(here())
      top.names.add(top.name)
    }
  }
  return [...found]
}

/** The parser takes some ten microseconds for a value; who has more to say says it in JSON. */
const yamlAtMost = 128 << 10

/** YAML of one document; refuses keys that stand twice, alias bombs, and types that JSON does not have. JSON is YAML. */
export const parseYaml = (text: string): Json => {
  if (text.trimStart().startsWith('{')) return parseJson(text)
  if (text.length > yamlAtMost) throw tooBig(yamlAtMost)
  let value: Json
  try {
    // The parser compares every key with every other.
    const document = parseDocument(text, { uniqueKeys: false, merge: true, resolveKnownTags: false, logLevel: 'error' })
    const [problem] = [...document.errors, ...document.warnings]
    if (problem !== undefined) throw problem
    checkKeys(document)
    value = document.toJS({ maxAliasCount: 20 }) as Json
  } catch (error) { throw apiStatusOf(error) === undefined ? badRequest(`the body is no YAML: ${yamlProblem(error)}`) : error }
  guard(value)
  return value
}

const checkKeys = (document: Document): void => visit(document, {
  Map(_, { items }) {
    const names = new Set<string>()
    for (const { key } of items) {
      if (!isScalar(key)) throw badRequest('the body is no YAML: a key is not a scalar')
      const name = String(key.value)
      if (names.has(name)) throw badRequest(`strict decoding error: duplicate field "${short(name)}"`)
      names.add(name)
    }
  },
})
