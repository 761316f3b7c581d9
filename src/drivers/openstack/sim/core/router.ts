/** Finds a route by its segments. Built once for each service. */
import type { Handle } from './call.ts'

interface Node {
  readonly fixed: Map<string, Node>
  any: Node | undefined
  readonly methods: Map<string, { readonly handle: Handle; readonly route: string; readonly names: readonly string[] }>
}

export type Found =
  | { readonly kind: 'found'; readonly handle: Handle; readonly route: string; readonly params: Readonly<Record<string, string>> }
  | { readonly kind: 'wrong-method' }
  | { readonly kind: 'none' }

const node = (): Node => ({ fixed: new Map(), any: undefined, methods: new Map() })

export const router = (routes: Readonly<Record<string, Handle>>): ((method: string, path: string) => Found) => {
  const root = node()
  for (const [pattern, handle] of Object.entries(routes)) {
    const [method, path] = pattern.split(' ') as [string, string]
    let at = root
    const names: string[] = []
    for (const segment of path.split('/')) {
      if (segment === '') continue
      if (segment.startsWith(':')) {
        names.push(segment.slice(1))
        at = at.any ??= node()
      } else {
        let next = at.fixed.get(segment)
        if (next === undefined) at.fixed.set(segment, (next = node()))
        at = next
      }
    }
    at.methods.set(method, { handle, route: pattern, names })
  }
  const walk = (at: Node, segments: readonly string[], i: number, values: string[]): Node | undefined => {
    if (i === segments.length) return at.methods.size > 0 ? at : undefined
    const segment = segments[i]!
    const fixed = at.fixed.get(segment)
    if (fixed !== undefined) {
      const found = walk(fixed, segments, i + 1, values)
      if (found !== undefined) return found
    }
    if (at.any === undefined) return undefined
    values.push(segment)
    const found = walk(at.any, segments, i + 1, values)
    if (found === undefined) values.pop()
    return found
  }
  return (method, path) => {
    const segments = path.split('/').filter((s) => s !== '')
    const values: string[] = []
    const at = walk(root, segments, 0, values)
    if (at === undefined) return { kind: 'none' }
    const target = at.methods.get(method)
    if (target === undefined) return { kind: 'wrong-method' }
    const params: Record<string, string> = {}
    target.names.forEach((name, i) => { params[name] = decodeURIComponent(values[i]!) })
    return { kind: 'found', handle: target.handle, route: target.route, params }
  }
}
