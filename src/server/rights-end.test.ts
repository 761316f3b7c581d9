import { afterEach, beforeEach, expect, test } from 'vitest'
import { Project } from '../api/index.ts'
import { admin, ours, pathOf, startAccessBed, type AccessBed } from './testing/access-bed.ts'

let bed: AccessBed
const tess = { as: 'tess' }
const clusters = `${ours}/namespaces/acme/clusters`
const streaming = 'watch=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan'
const makeProject = (name: string) => bed.call('POST', pathOf(Project, ''), { metadata: { name }, spec: {} }, admin)

beforeEach(async () => {
  bed = await startAccessBed()
  await makeProject('acme')
})
afterEach(() => bed.close())

test.each([['its grant goes', async (path: string) => { await bed.call('DELETE', path, undefined, admin) }], ['somebody else has it', async (path: string) => { await bed.call('PATCH', path, { spec: { subjects: [{ kind: 'User', name: 'ed' }] } }, admin) }]] as const)(
  'A4 a watch ends with 403 when %s', async (_, end) => {
    const path = await bed.grant('viewer', 'acme', 'tess')
    const w = await bed.watch(`${clusters}?${streaming}`, tess)
    expect((await w.next())?.type).toBe('BOOKMARK')
    // Of no concern to this watch.
    await bed.grant('viewer', 'acme', 'ed')
    await end(path)
    expect(await w.next()).toMatchObject({ type: 'ERROR', object: { kind: 'Status', code: 403, reason: 'Forbidden', message: 'clusters.skerry.dev is forbidden: User "tess" cannot watch resource "clusters" in API group "skerry.dev" in the namespace "acme"' } })
    expect(await w.next()).toBe(undefined)
    expect((await bed.watch(`${clusters}?watch=1`, tess)).code).toBe(403)
  })

test('A4 a watch goes on when another grant still allows it', async () => {
  const path = await bed.grant('viewer', 'acme', 'tess')
  await bed.grant('auditor', '', 'tess')
  const w = await bed.watch(`/api/v1/namespaces/acme/events?${streaming}`, tess)
  expect((await w.next())?.type).toBe('BOOKMARK')
  await bed.call('DELETE', path, undefined, admin)
  await bed.call('POST', '/api/v1/namespaces/acme/events', { metadata: { name: 'e' }, type: 'Normal', reason: 'x', involvedObject: {} }, admin)
  expect(await w.next()).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'e' } } })
})

test('A4 who watches projects lists again when they are let into another one, or out of one', async () => {
  await makeProject('other')
  await bed.grant('viewer', 'acme', 'tess')
  const into = await bed.watch(`${ours}/projects?${streaming}`, tess)
  expect((await into.take(1))[0]).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'acme' } } })
  expect((await into.next())?.type).toBe('BOOKMARK')
  const path = await bed.grant('viewer', 'other', 'tess')
  expect(await into.next()).toMatchObject({ type: 'ERROR', object: { code: 410, reason: 'Expired' } })
  const outOf = await bed.watch(`${ours}/projects?${streaming}`, tess)
  await outOf.take(2)
  expect((await outOf.next())?.type).toBe('BOOKMARK')
  await bed.call('DELETE', path, undefined, admin)
  expect(await outOf.next()).toMatchObject({ type: 'ERROR', object: { code: 410, reason: 'Expired' } })
})

test('A4 between a list and its watch nobody is let in or out unnoticed', async () => {
  await makeProject('other')
  await bed.grant('viewer', 'acme', 'tess')
  const { body } = await bed.call('GET', `${ours}/projects`, undefined, tess)
  await bed.grant('viewer', 'other', 'tess')
  const w = await bed.watch(`${ours}/projects?watch=1&resourceVersion=${body.metadata.resourceVersion}`, tess)
  expect(await w.next()).toMatchObject({ type: 'ERROR', object: { code: 410, reason: 'Expired' } })
})

test('A4 who saw everything and now sees a part lists again', async () => {
  await makeProject('other')
  await bed.grant('viewer', 'acme', 'tess')
  const path = await bed.grant('auditor', '', 'tess')
  const w = await bed.watch(`${ours}/projects?${streaming}`, tess)
  await w.take(2)
  expect((await w.next())?.type).toBe('BOOKMARK')
  await bed.call('DELETE', path, undefined, admin)
  expect(await w.next()).toMatchObject({ type: 'ERROR', object: { code: 410 } })
})
