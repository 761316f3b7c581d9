/** The fieldsV1 trees of managedFields are half of what an object weighs, and most objects of a kind have the same ones: each is kept once. */
import type { Resource } from '../api/meta/index.ts'

type Tree = Readonly<Record<string, unknown>>
/** Trees with owners or finalizers of their own come and go; what is forgotten here lives on in the objects that have it. */
const most = 10_000

export const createSharing = () => {
  const kept = new Map<string, Tree>()
  const shared = (tree: Tree): Tree => {
    const text = JSON.stringify(tree)
    const have = kept.get(text)
    if (have !== undefined) return have
    if (kept.size >= most) kept.clear()
    kept.set(text, tree)
    return tree
  }
  /** The object with shared trees. */
  return <R extends Resource>(object: R): R => {
    const { managedFields } = object.metadata
    if (managedFields === undefined) return object
    return { ...object, metadata: { ...object.metadata, managedFields: managedFields.map((m) => ({ ...m, fieldsV1: shared(m.fieldsV1) })) } }
  }
}
