/** Where a kind is served. */
import { apiVersionOf, type Key, type Kind } from '../api/meta/index.ts'

export const collectionPath = (kind: Kind<any>, namespace?: string): string =>
  `${kind.group === '' ? '/api/' : '/apis/'}${apiVersionOf(kind)}${kind.namespaced && namespace !== undefined && namespace !== '' ? `/namespaces/${encodeURIComponent(namespace)}` : ''}/${kind.plural}`

export const objectPath = (kind: Kind<any>, key: Key, subresource?: string): string => {
  if (kind.namespaced && key.namespace === '') throw new Error(`${kind.kind} ${key.name}: a namespaced kind needs a namespace`)
  return `${collectionPath(kind, key.namespace)}/${encodeURIComponent(key.name)}${subresource === undefined ? '' : `/${subresource}`}`
}
