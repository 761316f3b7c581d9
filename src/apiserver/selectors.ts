/** Label selectors (equality, set based, order of whole numbers) and the field selectors that a kind allows. */
import { badRequest } from './status.ts'
import { isObject, type Mutable } from './values.ts'

export type LabelTest = (labels: Readonly<Record<string, string>>) => boolean
const name = String.raw`[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?`
const value = String.raw`(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?`
const requirement = new RegExp(String.raw`^\s*(?:(!)\s*(${name})|(${name})\s*(?:(==|=|!=)\s*(${value})|\s(in|notin)\s*\(([^)]*)\)|([<>])\s*(\d+))?)\s*$`)

const split = (text: string): readonly string[] => {
  const parts: string[] = []
  let depth = 0
  let part = ''
  for (const c of text) {
    if (c === '(') depth++
    if (c === ')') depth--
    if (c === ',' && depth === 0) { parts.push(part); part = '' } else part += c
  }
  return [...parts, part]
}

/** undefined: everything. Throws 400. */
export const parseLabelSelector = (text: string | undefined): LabelTest | undefined => {
  if (text === undefined || text.trim() === '') return undefined
  const tests = split(text).map((part): LabelTest => {
    const m = requirement.exec(part)
    if (m === null) throw badRequest(`unable to parse requirement: ${part.trim()}`)
    const [, not, absent, key, op, equals, set, values, order, bound] = m
    // Own keys only: `constructor` is a legal label.
    const of = (l: Readonly<Record<string, string>>, name: string): string | undefined => (Object.hasOwn(l, name) ? l[name] : undefined)
    if (not !== undefined) return (l) => of(l, absent!) === undefined
    if (op === '!=') return (l) => of(l, key!) !== equals
    if (op !== undefined) return (l) => of(l, key!) === equals
    if (set !== undefined) {
      const all = new Set(values!.split(',').map((v) => v.trim()))
      const isOne = (l: Readonly<Record<string, string>>): boolean => { const v = of(l, key!); return v !== undefined && all.has(v) }
      return set === 'in' ? isOne : (l) => !isOne(l)
    }
    if (order !== undefined) {
      const than = BigInt(bound!)
      return (l) => {
        const v = of(l, key!) ?? ''
        return /^\d+$/.test(v) && (order === '>' ? BigInt(v) > than : BigInt(v) < than)
      }
    }
    return (l) => of(l, key!) !== undefined
  })
  return (l) => tests.every((t) => t(l))
}

export interface FieldTest {
  /** From metadata.name=…, so that a get by name needs no scan. */
  readonly name: string | undefined
  readonly namespace: string | undefined
  /** Needs the parsed object; undefined: name and namespace say it all. */
  readonly test: ((object: Mutable) => boolean) | undefined
  /** Stand in the JSON text of every object that passes: most others need no parsing. */
  readonly needles: readonly string[]
}
/** Where there is no text, none is there to select by. */
const at = (o: Mutable, path: string): string => {
  const v = path.split('.').reduce<unknown>((x, k) => (isObject(x) && Object.hasOwn(x, k) ? x[k] : undefined), o)
  return v === undefined || v === null || typeof v === 'object' ? '' : String(v)
}

/** undefined: everything. Throws 400 for a field that the kind does not offer. */
export const parseFieldSelector = (text: string | undefined, allowed: readonly string[]): FieldTest | undefined => {
  if (text === undefined || text.trim() === '') return undefined
  const tests: ((o: Mutable) => boolean)[] = []
  const needles: string[] = []
  let exactName: string | undefined
  let exactNamespace: string | undefined
  for (const part of text.split(',')) {
    const m = /^\s*([^=!]+?)\s*(==|=|!=)\s*(.*?)\s*$/.exec(part)
    if (m === null) throw badRequest(`invalid field selector: ${part}`)
    const [, field, op, wanted] = m as unknown as [string, string, string, string]
    if (field !== 'metadata.name' && field !== 'metadata.namespace' && !allowed.includes(field)) throw badRequest(`field label not supported: ${field}`)
    if (op !== '!=' && field === 'metadata.name') exactName = wanted
    else if (op !== '!=' && field === 'metadata.namespace') exactNamespace = wanted
    else {
      if (op !== '!=' && wanted !== '') needles.push(JSON.stringify(wanted).slice(1, -1))
      tests.push(op === '!=' ? (o) => at(o, field) !== wanted : (o) => at(o, field) === wanted)
    }
  }
  return { name: exactName, namespace: exactNamespace, needles, test: tests.length === 0 ? undefined : (o) => tests.every((t) => t(o)) }
}
