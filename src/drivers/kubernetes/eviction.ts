/** Emptying a node: every pod that may go is asked to, and what stays is named with the reason. */
import { list, object, parseAnswer, text, type Json } from './answer.ts'
import type { Answer } from './connection.ts'

export interface Left { readonly pod: string; readonly why: string }

/** Pods that stay with the node: static ones belong to its kubelet, a DaemonSet's would come back, finished ones hold nothing. */
export const staysWithNode = (pod: Json): boolean => {
  const metadata = object(pod['metadata'])
  const phase = object(pod['status'])['phase']
  return 'kubernetes.io/config.mirror' in object(metadata['annotations'])
    || list(metadata['ownerReferences']).some((o) => object(o)['controller'] === true && object(o)['kind'] === 'DaemonSet')
    || phase === 'Succeeded' || phase === 'Failed'
}
export const isLeaving = (pod: Json): boolean => typeof object(pod['metadata'])['deletionTimestamp'] === 'string'

/** What an eviction's answer says of the pod; undefined: it is gone. A code that is none of these is the caller's to throw. */
export const whyLeft = (answer: Answer): { readonly why: string } | undefined | 'unexpected' => {
  if (answer.code >= 200 && answer.code <= 299) return { why: 'was asked to leave' }
  if (answer.code === 404) return undefined
  if (answer.code !== 429 && answer.code !== 409 && answer.code !== 403) return 'unexpected'
  let status: Json = {}
  try { status = parseAnswer('eviction', answer.body) } catch { /* Said by the code. */ }
  const causes = list(object(status['details'])['causes']).slice(0, 4).map((c) => text(object(c)['message'], 300)).filter((m) => m !== '')
  const message = text(status['message'], 300)
  if (answer.code === 403 && !list(object(status['details'])['causes']).some((c) => object(c)['reason'] === 'NamespaceTerminating')) return 'unexpected'
  return { why: (answer.code === 429 && causes.length > 0 ? causes.join('; ') : message) || `refused with ${answer.code}` }
}
