/**
 * POST …/clusters/NAME/abandon (rule O9): the cluster goes from here, and nothing that was made for it outside is touched any more.
 * Here it is decided and told; the controllers then let go of the cluster and its machines, each at the end of its own pass, so
 * that no call of ours is under way when the cluster is gone.
 */
import { z } from 'zod'
import { Cluster, Machine } from '../api/index.ts'
import { conflict, forbidden, invalid, type Decision, type Subresource } from '../apiserver/index.ts'
import { inWords, leftBehind, type LeftBehind } from '../rules/left-behind.ts'
import { refuseDeletion } from './admission.ts'

const request = z.object({ spec: z.object({ /** Of the cluster that was looked at, not of one that took its name since. */ uid: z.string().optional(), reason: z.string().trim().min(3).max(500), dryRun: z.boolean().default(false) }) })

/** An Event's message holds 1024 characters. */
const messageAtMost = 1024

const packed = (head: string, lines: readonly string[]): readonly string[] => {
  const messages: string[] = []
  for (const line of lines) {
    const last = messages.at(-1)
    if (last === undefined || last.length + line.length + 2 > messageAtMost) messages.push(`${head}${line}`)
    else messages[messages.length - 1] = `${last}, ${line}`
  }
  return messages
}

const eventsOf = (site: string, left: LeftBehind, says: string): Decision['events'] =>
  [says.slice(0, messageAtMost), ...packed(`left behind in project ${left.projectId ?? 'unknown'} of site ${site}: `, inWords(left))].map((message) => ({ type: 'Warning', reason: 'Abandoned', message }))

export const abandonSubresource: Subresource = async ({ identity, object, body, read, now, decide }) => {
  const { name, namespace = '' } = object.metadata
  if (identity.writer !== 'admin') throw forbidden(Cluster, name, 'a cluster is abandoned by administrators of the platform only')
  const parsed = request.safeParse(body)
  if (!parsed.success) throw invalid(Cluster, name, [{ field: 'spec.reason', reason: 'FieldValueRequired', message: 'says why, in 3 to 500 characters: what is left behind is somebody\'s to clean up' }])
  const { reason, dryRun, uid } = parsed.data.spec
  if (uid !== undefined && uid !== object.metadata.uid) throw conflict(Cluster, name, `the cluster with uid ${uid} is gone; another one has its name`)
  const protectedBy = refuseDeletion('Cluster', object, read)
  if (protectedBy !== undefined) throw forbidden(Cluster, name, protectedBy)
  const cluster = object as Cluster
  const left = leftBehind(cluster, read.list(Machine, namespace).filter((m) => m.spec.cluster === name))
  const answer = { apiVersion: 'skerry.dev/v1alpha1', kind: 'Abandonment', status: { left: inWords(left), projectId: left.projectId, site: cluster.spec.site } }
  if (dryRun || cluster.status?.abandoned !== undefined) return answer
  const at = `${now.toISOString().slice(0, 19)}Z`
  const says = `${identity.user} abandoned the cluster: ${reason}`
  await decide({
    change: (live) => ({
      ...live, metadata: { ...live.metadata, deletionTimestamp: live.metadata.deletionTimestamp ?? at, deletionGracePeriodSeconds: 0, generation: live.metadata.generation + 1 },
      status: { ...(live as Cluster).status, abandoned: { at, by: identity.user, reason } },
    }),
    events: eventsOf(cluster.spec.site, left, says), note: `${says}; left behind in project ${left.projectId ?? 'unknown'} of site ${cluster.spec.site}: ${inWords(left).join(', ') || 'nothing'}`,
  })
  return answer
}
