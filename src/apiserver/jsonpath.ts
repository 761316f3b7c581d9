/** The JSONPaths of printer columns: fields, indexes, and a filter by equality. */
type Step = { readonly kind: 'field'; readonly name: string } | { readonly kind: 'index'; readonly i: number } | { readonly kind: 'filter'; readonly field: string; readonly value: string }

const parsed = new Map<string, readonly Step[]>()
const token = /\.([A-Za-z0-9_-]+)|\['([^']+)'\]|\[(\d+)\]|\[\?\(@\.([A-Za-z0-9_]+)\s*==\s*["']([^"']*)["']\)\]/gy

const parse = (path: string): readonly Step[] => {
  const have = parsed.get(path)
  if (have !== undefined) return have
  const steps: Step[] = []
  token.lastIndex = 0
  while (token.lastIndex < path.length) {
    const m = token.exec(path)
    if (m === null) throw new Error(`JSONPath not supported: ${path}`)
    steps.push(m[3] !== undefined ? { kind: 'index', i: Number(m[3]) } : m[4] !== undefined ? { kind: 'filter', field: m[4], value: m[5]! } : { kind: 'field', name: (m[1] ?? m[2])! })
  }
  parsed.set(path, steps)
  return steps
}

export const evaluate = (object: unknown, path: string): unknown => parse(path).reduce<any>((v, s) => {
  if (v === undefined || v === null) return undefined
  switch (s.kind) {
    case 'field': return v[s.name]
    case 'index': return v[s.i]
    case 'filter': return Array.isArray(v) ? v.find((x) => x?.[s.field] === s.value) : undefined
  }
}, object)
