/** How a mark is written on each type of object, in the creating call itself (rule O1). */
import type { Mark } from './cloud.ts'

const prefix = 'skerry-site:'
/** Servers and volumes. */
export const asMetadata = (m: Mark): Readonly<Record<string, string>> => ({ 'skerry-uid': m.uid, 'skerry-site': m.site, 'skerry-role': m.role })
export const fromMetadata = (m: Readonly<Record<string, string>> | undefined): Mark | undefined =>
  m?.['skerry-uid'] === undefined || m['skerry-site'] === undefined ? undefined : { uid: m['skerry-uid'], site: m['skerry-site'], role: m['skerry-role'] ?? '' }

/** Everything with a name and a description: both can be given when it is made, tags of Neutron cannot. */
export const asName = (m: Mark): string => `skerry-${m.uid}-${m.role}`
export const asDescription = (m: Mark): string => `${prefix}${m.site}`
const named = /^skerry-([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})-(.+)$/
export const fromName = (name: string | undefined, description: string | undefined): Mark | undefined => {
  const m = named.exec(name ?? '')
  return m === null || description?.startsWith(prefix) !== true ? undefined : { uid: m[1]!, role: m[2]!, site: description.slice(prefix.length) }
}

/** Floating IPs and rules have a description only; server groups a name only. */
export const inOneText = (m: Mark): string => `skerry-uid:${m.uid} skerry-site:${m.site} skerry-role:${m.role}`
export const fromOneText = (text: string | undefined): Mark | undefined => {
  const m = /^skerry-uid:(\S+) skerry-site:(\S+) skerry-role:(\S+)$/.exec(text ?? '')
  return m === null ? undefined : { uid: m[1]!, site: m[2]!, role: m[3]! }
}
export const groupName = (m: Mark): string => `${asName(m)}~${m.site}`
export const fromGroupName = (name: string | undefined): Mark | undefined => { const [a, site] = (name ?? '').split('~'); return site === undefined ? undefined : fromName(a, `${prefix}${site}`) }
