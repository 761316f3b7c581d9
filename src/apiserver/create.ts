/** POST: a new object, under a given or a made-up name. */
import { randomBytes } from 'node:crypto'
import { afterUpdate, type Owned } from './apply.ts'
import { checkNamespace, isDryRun, keyOf, seen, sent, storedAs, unseen, writerOf, type Call, type Written } from './call.ts'
import { commit, standing } from './commit.ts'
import { prepare } from './prepare.ts'
import { alreadyExists, badRequest } from './status.ts'
import { copy, shown, type Mutable } from './values.ts'

const triesAtMost = 8
const letters = 'bcdfghjklmnpqrstvwxz2456789'
const randomName = (): string => Array.from(randomBytes(5), (b) => letters[b % letters.length]).join('')

export const create = async (c: Call): Promise<Written> => {
  const given = sent(c)
  const meta = given['metadata'] as Mutable
  await checkNamespace(c, String(meta['name'] ?? ''))
  if (!['', '0', undefined].includes(meta['resourceVersion'])) throw badRequest('resourceVersion should not be set on objects to be created')
  const prefix = meta['name'] === undefined || meta['name'] === '' ? (meta['generateName'] as string | undefined) : undefined
  for (let tries = 1; ; tries++) {
    if (typeof prefix === 'string') meta['name'] = prefix.slice(0, 58) + randomName()
    const written = await createObject(c, unseen(c, given, undefined), (object) => afterUpdate(undefined, object, storedAs(c).schema, writerOf(c, 'Update')))
    if (written !== undefined) return written
    if (prefix === undefined || tries === triesAtMost) throw alreadyExists(c.served.kind, shown(meta['name']))
  }
}

/** `wanted` in the form that is stored. undefined: the name is taken. */
export const createObject = async (c: Call, wanted: Mutable, managedFields: (object: Mutable) => readonly Owned[]): Promise<Written | undefined> => {
  const make = (): Mutable => prepare(copy(wanted), undefined, c, storedAs(c))
  let object: Mutable
  // It may name what was made a moment ago on another replica: look again with a fresh cache before refusing.
  try { object = make() } catch {
    await c.api.cache.fresh()
    object = make()
  }
  const meta = object['metadata'] as Mutable
  const managed = managedFields(object)
  if (managed.length > 0) meta['managedFields'] = managed
  const key = keyOf(c, meta['name'] as string)
  if (isDryRun(c.r)) return (await standing(c, key)).row === undefined ? { code: 201, object: seen(c, object) } : undefined
  const done = await commit(c, key, undefined, object)
  return done.kind === 'lost' ? undefined : { code: 201, row: done.row! }
}
