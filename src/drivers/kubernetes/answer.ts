/** What a tenant's server sends, as data: limited in bytes, depth and length of every text that is kept (rule T5). */
import { kubernetesError, printable } from './errors.ts'

export type Json = Readonly<Record<string, unknown>>

/** One answer; a page of 500 large objects stays below. */
export const maxAnswerBytes = 16 * 1024 * 1024
/** One event of a watch; etcd takes no object above 1.5 MiB. */
export const maxEventBytes = 2 * 1024 * 1024
/** All pages of one list. */
export const maxListBytes = 64 * 1024 * 1024
const maxDepth = 64

/** Counts open brackets outside strings before anything is built from them. */
const isDeeperThan = (text: string, limit: number): boolean => {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 0x22: // A string: to its end, over escapes.
        for (i++; i < text.length && text.charCodeAt(i) !== 0x22; i++) if (text.charCodeAt(i) === 0x5c) i++
        break
      case 0x7b: case 0x5b: if (++depth > limit) return true; break
      case 0x7d: case 0x5d: depth--; break
    }
  }
  return false
}

export const isObject = (v: unknown): v is Json => typeof v === 'object' && v !== null && !Array.isArray(v)

export const parseAnswer = (what: string, text: string): Json => {
  if (isDeeperThan(text, maxDepth)) throw kubernetesError('answer', `${what}: the answer is nested deeper than ${maxDepth}`)
  let value: unknown
  try { value = JSON.parse(text) } catch { throw kubernetesError('answer', `${what}: the answer is no JSON`) }
  if (!isObject(value)) throw kubernetesError('answer', `${what}: the answer is no object`)
  return value
}

/** Text values as they are kept: printable and short, or empty. */
export const text = (v: unknown, max = 253): string => (typeof v === 'string' ? printable(v, max) : '')
export const object = (v: unknown): Json => (isObject(v) ? v : {})
export const list = (v: unknown): readonly unknown[] => (Array.isArray(v) ? v : [])
/** At most 256 pairs of texts. */
export const texts = (v: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(object(v)).slice(0, 256).filter((e): e is [string, string] => typeof e[1] === 'string').map(([k, t]) => [text(k, 317), text(t, 1024)]))
