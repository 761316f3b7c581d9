/** Long lists are compressed for who takes gzip, as kube-apiserver does: at the fastest level, and not on the event loop. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline, type Writable } from 'node:stream'
import { constants, createGzip } from 'node:zlib'

/** Bytes; below it is not worth it. The same as kube-apiserver's. */
export const compressedFrom = 128 * 1024

/** RFC 9110, 12.5.3: named and not with weight 0, or `*` where gzip is not named. */
export const takesGzip = (accept: string | readonly string[] | undefined): boolean => {
  const codings = String(accept ?? '').toLowerCase().split(',').map((each) => {
    const [name, ...parameters] = each.split(';').map((p) => p.trim())
    return { name, isRefused: parameters.some((p) => /^q=0(\.0*)?$/.test(p)) }
  })
  const named = codings.find((c) => c.name === 'gzip' || c.name === 'x-gzip') ?? codings.find((c) => c.name === '*')
  return named !== undefined && !named.isRefused
}

/** Where to write an answer of so many bytes, or about so many, and with which headers. The answer ends, or is cut off, with what is written to. */
export const sinkFor = (request: IncomingMessage, response: ServerResponse, bytes: number): { readonly headers: Readonly<Record<string, string>>; open(): Writable } => {
  if (bytes < compressedFrom || !takesGzip(request.headers['accept-encoding'])) return { headers: { vary: 'accept-encoding' }, open: () => response }
  return {
    headers: { vary: 'accept-encoding', 'content-encoding': 'gzip' },
    open: () => {
      const gzip = createGzip({ level: constants.Z_BEST_SPEED })
      // Either's end is the other's; a reader that left is nobody's fault.
      pipeline(gzip, response, () => {})
      return gzip
    },
  }
}
