/** A name in kebab-case and what follows from it. */
export const isName = (text: string): boolean => /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(text) && text.length <= 30
/** `node-pool` → `NodePool`. */
export const pascal = (name: string): string => name.split('-').map((word) => word[0]!.toUpperCase() + word.slice(1)).join('')
/** `node-pool` → `nodePool`. */
export const camel = (name: string): string => { const p = pascal(name); return p[0]!.toLowerCase() + p.slice(1) }
/** `node-pool` → `nodepool`, `nodepools`; as Kubernetes names resources. */
export const singular = (name: string): string => name.replaceAll('-', '')
export const plural = (name: string): string => {
  const one = singular(name)
  if (/[^aeiou]y$/.test(one)) return `${one.slice(0, -1)}ies`
  return /(s|x|z|ch|sh)$/.test(one) ? `${one}es` : `${one}s`
}
