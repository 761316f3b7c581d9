/** Looking at parsed JSON with care: what is missing or of another type becomes an empty value, and what must be there is demanded. */

export type Json = Readonly<Record<string, unknown>>

export const object = (v: unknown): Json => (typeof v === 'object' && v !== null && !Array.isArray(v) ? (v as Json) : {})
export const array = (v: unknown): readonly unknown[] => (Array.isArray(v) ? v : [])
export const objects = (v: unknown): readonly Json[] => array(v).map(object)
export const text = (v: unknown): string => (typeof v === 'string' ? v : typeof v === 'number' ? String(v) : '')
export const textOrNull = (v: unknown): string | null => (typeof v === 'string' && v !== '' ? v : null)
export const texts = (v: unknown): readonly string[] => array(v).filter((t) => typeof t === 'string')
export const number = (v: unknown): number => (typeof v === 'number' ? v : typeof v === 'string' && v !== '' && Number.isFinite(Number(v)) ? Number(v) : 0)
export const numberOrNull = (v: unknown): number | null => (v === null || v === undefined ? null : number(v))
export const bool = (v: unknown): boolean => v === true || v === 'true' || v === 'True'
export const strings = (v: unknown): Readonly<Record<string, string>> => Object.fromEntries(Object.entries(object(v)).filter((e): e is [string, string] => typeof e[1] === 'string'))

/** The id that every object must have. */
export const id = (o: Json): string => {
  if (typeof o['id'] !== 'string' || o['id'] === '') throw new TypeError('the answer holds an object without an id')
  return o['id']
}

/** Times as ISO 8601 in UTC, whichever way the service writes them (Cinder and Octavia leave out the zone). */
export const time = (v: unknown): string | undefined => {
  if (typeof v !== 'string' || v === '') return undefined
  const t = Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(v) ? v : `${v}Z`)
  return Number.isNaN(t) ? undefined : new Date(t).toISOString()
}
export const createdAt = (v: unknown): { readonly createdAt?: string } => { const t = time(v); return t === undefined ? {} : { createdAt: t } }

/** One line of printable text, shortened. */
export const printable = (t: string, max: number): string => t.slice(0, max * 2).replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, max)
