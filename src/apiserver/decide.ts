/** Stores what a subresource decided: the object, the Events about it and the audit record, together or not at all. */
import type { Resource } from '../api/meta/index.ts'
import type { NewRow } from '../store/store.ts'
import type { Decision } from './api.ts'
import { afterUpdate, type Writer } from './apply.ts'
import { eventKind } from './builtins.ts'
import { keyOf, withVersion, type Call } from './call.ts'
import { commit, settle } from './commit.ts'
import { rowFor, storedObject } from './objects.ts'
import { serve } from './served.ts'
import { notFound } from './status.ts'
import { seconds, type Mutable } from './values.ts'

/** The server's own name, as manager of fields and source of Events. */
const component = 'skerry-api'

const eventRow = (c: Call, about: Mutable, event: Decision['events'][number]): NewRow => {
  const { name, namespace = 'default', uid } = about['metadata'] as { readonly name: string; readonly namespace?: string; readonly uid: string }
  const time = seconds(c.api.now())
  const id = c.api.newUid()
  return rowFor(serve(eventKind), {
    apiVersion: 'v1', kind: 'Event', metadata: { name: `${name}.${id.slice(0, 18)}`, namespace, uid: id, creationTimestamp: time },
    involvedObject: { apiVersion: about['apiVersion'], kind: about['kind'], name, namespace, uid },
    ...event, count: 1, firstTimestamp: time, lastTimestamp: time, source: { component }, reportingComponent: component, reportingInstance: '',
  })
}

/** For the object with this uid, and not for one that took its name since. */
export const decider = (c: Call, uid: string) => (decision: Decision): Promise<Resource> => {
  const key = keyOf(c)
  const writer: Writer = { manager: component, operation: 'Update', subresource: 'status', apiVersion: c.served.apiVersion, time: seconds(c.api.now()) }
  return settle<Resource>(c, key, async (row) => {
    if (row.uid !== uid) throw notFound(c.served.kind, key.name)
    const live = storedObject(row)
    const wanted = decision.change(live as never) as never as Mutable
    const after = { ...wanted, metadata: { ...(wanted['metadata'] as Mutable), managedFields: afterUpdate(live, wanted, c.served.schema, writer) } }
    const done = await commit(c, key, row, after, { rows: decision.events.map((e) => eventRow(c, live, e)), note: decision.note })
    return done.kind === 'lost' ? done : (withVersion(after, done.version) as never)
  })
}
