/** The law of imports as layers.json states it: which layer a file is in, and whether it may import another file. Reads no files. */

export interface Layer { readonly name: string; readonly path: string; readonly may: readonly string[]; readonly types: readonly string[]; readonly says: string }
export type Law = readonly Layer[]
export interface Import { readonly from: string; readonly to: string; readonly typeOnly: boolean }

/** The layers of layers.json; throws when an entry is incomplete, names a layer that is not there, or two layers may import each other. */
export function lawOf(text: string): Law {
  const law: Law = (JSON.parse(text) as { layers: Partial<Layer>[] }).layers.map((entry) => {
    if (!entry.name || !entry.path || !entry.may || !entry.says) throw new Error(`layers.json: an entry needs name, path, may and says: ${JSON.stringify(entry)}`)
    return { name: entry.name, path: entry.path, may: entry.may, types: entry.types ?? [], says: entry.says }
  })
  const names = new Set(law.map((layer) => layer.name))
  for (const layer of law) {
    for (const grant of [...layer.may, ...layer.types]) {
      if (grant !== '*' && !names.has(grant.split('/')[0]!)) throw new Error(`layers.json: ${layer.name} may import ${grant}, which is no layer`)
      const other = law.find((one) => one.name === grant.split('/')[0])
      if (other?.may.some((back) => back.split('/')[0] === layer.name)) throw new Error(`layers.json: ${layer.name} and ${other.name} may import each other`)
    }
  }
  return law
}

/** The layer of a path relative to the repository: the one with the longest matching path, so that `src/drivers/talos/sim` is not `drivers`. */
export function layerOf(law: Law, file: string): Layer | undefined {
  let best: Layer | undefined
  for (const layer of law) if (matches(layer.path, file) && (best === undefined || layer.path.split('/').length > best.path.split('/').length)) best = layer
  return best
}

/** A test, or what only tests use: `testing.ts`, a folder `testing`. */
export const isTest = (file: string): boolean => /\.(test|contract|bench)\.ts$|(^|\/)testing(\.ts$|\/)/.test(file)

/** undefined when the import is allowed, else what is wrong and which layers may be used. */
export function verdict(law: Law, { from, to, typeOnly }: Import): string | undefined {
  const here = layerOf(law, from)
  const there = layerOf(law, to)
  if (here === undefined) return undefined
  if (isTest(to) && !isTest(from) && !here.may.includes('*')) return `${to} is for tests; ${here.name} may not import it`
  if (here === there) return undefined
  if (there === undefined) return here.may.includes('*') || isTest(from) ? undefined : `${here.name} may not import ${to}, which is in no layer; it may import ${allowed(here)}`
  if (isTest(from) && there.name !== 'server') return undefined
  if (covers(law, here.may, there, to)) return undefined
  if (covers(law, here.types, there, to)) return typeOnly ? undefined : `${here.name} may import ${there.name} as types only: write \`import type\` (${to})`
  return `${here.name} may not import ${there.name} (${to}); it may import ${allowed(here)}`
}

function covers(law: Law, grants: readonly string[], there: Layer, to: string): boolean {
  return grants.some((grant) => {
    if (grant === '*' || grant === there.name) return true
    const [name, ...below] = grant.split('/')
    const layer = law.find((one) => one.name === name)
    return layer === there && below.length > 0 && to.startsWith(`${layer.path}/${below.join('/')}/`)
  })
}

const allowed = (layer: Layer): string => {
  const all = [...layer.may, ...layer.types.map((name) => `${name} (types)`)]
  return all.length === 0 ? 'itself only' : all.join(', ')
}

function matches(pattern: string, file: string): boolean {
  const want = pattern.split('/')
  const have = file.split('/')
  return have.length > want.length && want.every((part, i) => part === '*' || part === have[i])
}
