/** The text of an object: stored without its version, served with it (rule S9). The only place that knows where the version goes, and where the metadata ends. */

import { endOfString } from './json-text.ts'

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

const behindHead = (body: string): number => {
  const at = head.exec(body)?.[0].length
  if (at === undefined) throw new TypeError('a body must begin with apiVersion, kind, metadata: write it with bodyOf()')
  return at
}
/** The fields of a metadata's text, behind its brace, with the version as the first. */
const versioned = (fields: string, version: number): string => `"resourceVersion":"${version}"${fields.startsWith('}') ? '' : ','}${fields}`

/** The text as served: the version spliced in as the first field of metadata. Copies bytes and parses nothing. */
export function withVersion(body: string, version: number): string {
  const at = behindHead(body)
  return body.slice(0, at) + versioned(body.slice(at), version)
}

export interface Cut {
  /** The text of the metadata as served. */
  readonly metadata: string
  /** The body without its managedFields, which are most of what there is to parse. */
  readonly brief: string
}

/** Finds the metadata and the managedFields in a body, and parses nothing. */
export function cut(body: string, version: number): Cut {
  const begin = behindHead(body)
  let [from, to, at] = [begin, begin, begin]
  while (body[at] !== '}') {
    if (body[at] === ',') at++
    const end = endOfField(body, at)
    if (body.startsWith('"managedFields":', at)) [from, to] = [at, end]
    at = end
  }
  return { metadata: `{${versioned(body.slice(begin, at + 1), version)}`, brief: from === to ? body : `${body.slice(0, from)}"managedFields":[]${body.slice(to)}` }
}

const [quote, comma, openBracket, closeBracket, openBrace, closeBrace] = [...'",[]{}'].map((c) => c.charCodeAt(0))
/** The index of the comma or brace behind the field that begins at `from`. */
function endOfField(text: string, from: number): number {
  let depth = 0
  for (let i = from; i < text.length; i++)
    switch (text.charCodeAt(i)) {
      case quote: i = endOfString(text, i); break
      case openBrace: case openBracket: depth++; break
      case closeBracket: depth--; break
      case closeBrace: if (depth-- === 0) return i; break
      case comma: if (depth === 0) return i
    }
  throw new TypeError('a body must be JSON')
}
