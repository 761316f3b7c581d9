/** Two comparable answers, and the places where they differ, each as one line of text: `spec.replicas: 3 ≠ nothing` (ours first). */
import type { Comparable } from './normalise.ts'

const isObject = (v: unknown): v is Readonly<Record<string, unknown>> => typeof v === 'object' && v !== null && !Array.isArray(v)
const text = (v: unknown): string => (v === undefined ? 'nothing' : JSON.stringify(v))

const differ = (a: unknown, b: unknown, path: string): readonly string[] => {
  if (isObject(a) && isObject(b)) return [...new Set([...Object.keys(a), ...Object.keys(b)])].toSorted().flatMap((k) => differ(a[k], b[k], path === '' ? k : `${path}.${k}`))
  if (Array.isArray(a) && Array.isArray(b) && a.length === b.length) return a.flatMap((x, i) => differ(x, b[i], `${path}[${i}]`))
  return text(a) === text(b) ? [] : [`${path}: ${text(a)} ≠ ${text(b)}`]
}

const verdict = ({ code, body }: Comparable): string => `${code}${isObject(body) && body['kind'] === 'Status' && body['reason'] !== undefined ? ` ${String(body['reason'])}` : ''}`

/** When one refuses and the other does not, or for another reason, that is the difference, and what the bodies say is not looked at. */
export const compare = (ours: Comparable, theirs: Comparable): readonly string[] => {
  if (verdict(ours) !== verdict(theirs)) return [`answers ${verdict(ours)} ≠ ${verdict(theirs)}`]
  return [...differ(ours.body, theirs.body, ''), ...differ(ours.warnings, theirs.warnings, 'warnings')]
}
