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

/** What an eviction's answer says of the pod; undefined: it is gone. Any other code says so of this pod only (500: two budgets hold it), and others are still to be asked. */
export const whyLeft = (answer: Answer): string | undefined => {
  if (answer.code >= 200 && answer.code <= 299) return 'was asked to leave'
  if (answer.code === 404) return undefined
  let status: Json = {}
  try { status = parseAnswer('eviction', answer.body) } catch { /* Said by the code. */ }
  const causes = list(object(status['details'])['causes']).slice(0, 4).map((c) => text(object(c)['message'], 300)).filter((m) => m !== '')
  return (answer.code === 429 && causes.length > 0 ? causes.join('; ') : text(status['message'], 300)) || `refused with ${answer.code}`
}
