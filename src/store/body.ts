/** The text of an object: stored without its version, served with it (rule S9). The only place that knows where the version goes. */

interface Bodied {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: object
}

/** JSON text of an object, without metadata.resourceVersion and with apiVersion, kind, metadata first, as `withVersion` needs it. */
export function bodyOf(object: Bodied): string {
  const { apiVersion, kind, metadata, ...rest } = object as Bodied & Record<string, unknown>
  const { resourceVersion: _, ...meta } = metadata as Record<string, unknown>
  // In pieces: a key like "0" would come first in any object.
  const more = JSON.stringify(rest)
  return `{"apiVersion":${JSON.stringify(apiVersion)},"kind":${JSON.stringify(kind)},"metadata":${JSON.stringify(meta)}${more === '{}' ? '' : `,${more.slice(1, -1)}`}}`
}

// Sticky at the start: a `"metadata":{` inside the spec or a string is never taken for the object's own.
const head = /^\{"apiVersion":"[^"\\]*","kind":"[^"\\]*","metadata":\{/

/** The text as served: the version spliced in as the first field of metadata. Copies bytes and parses nothing. */
export function withVersion(body: string, version: number): string {
  const at = head.exec(body)?.[0].length
  if (at === undefined) throw new TypeError('a body must begin with apiVersion, kind, metadata: write it with bodyOf()')
  return `${body.slice(0, at)}"resourceVersion":"${version}"${body[at] === '}' ? '' : ','}${body.slice(at)}`
}
