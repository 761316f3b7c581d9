/**
 * How a mark is written on each type of object and read back (rule O1). Metadata where a service has it (Nova, Cinder), tags in
 * Octavia, `description` in Neutron (its POST takes no tags), the name for server groups. Always in the creating call.
 */
import type { Mark } from './cloud.ts'

const keys = { uid: 'skerry-uid', site: 'skerry-site', role: 'skerry-role' } as const

/** Values stand in tags and descriptions: no separator of either, and short enough for 60 characters a tag. */
const value = /^[A-Za-z0-9._:-]{1,120}$/
const checked = (mark: Mark): Mark => {
  for (const key of ['uid', 'site', 'role'] as const) if (!value.test(mark[key])) throw new TypeError(`a mark's ${key} must match ${value.source}: ${JSON.stringify(mark[key])}`)
  return mark
}

export const nameOf = (mark: Mark): string => `skerry-${checked(mark).uid}-${mark.role}`

export const metadataOf = (mark: Mark): Readonly<Record<string, string>> => ({ [keys.uid]: checked(mark).uid, [keys.site]: mark.site, [keys.role]: mark.role })
export const ofMetadata = (metadata: Readonly<Record<string, unknown>> | undefined): Mark | undefined => {
  const [uid, site, role] = [metadata?.[keys.uid], metadata?.[keys.site], metadata?.[keys.role]]
  return typeof uid === 'string' && typeof site === 'string' && typeof role === 'string' ? { uid, site, role } : undefined
}

export const tagsOf = (mark: Mark): readonly string[] => Object.entries(metadataOf(mark)).map(([k, v]) => `${k}:${v}`)
export const ofTags = (tags: readonly string[]): Mark | undefined =>
  ofMetadata(Object.fromEntries(tags.map((t) => [t.slice(0, t.indexOf(':')), t.slice(t.indexOf(':') + 1)])))

/** At most 255 characters, the limit of Neutron and Octavia. */
export const descriptionOf = (mark: Mark): string => tagsOf(mark).join(' ')
export const ofDescription = (description: string): Mark | undefined => ofTags(description.split(' '))

/** Objects with both: tags when they carry the mark, else the description. */
export const ofTagsOr = (tags: readonly string[], description: string): Mark | undefined => ofTags(tags) ?? ofDescription(description)

/** Server groups have nothing but a name: `skerry-<uid>-<role>@<site>`. */
export const groupNameOf = (mark: Mark): string => `${nameOf(mark)}@${mark.site}`
export const ofGroupName = (name: string): Mark | undefined => {
  const found = /^skerry-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[A-Za-z0-9._:]+)-([A-Za-z0-9._:-]+)@([A-Za-z0-9._:-]+)$/.exec(name)
  return found === null ? undefined : { uid: found[1]!, role: found[2]!, site: found[3]! }
}
