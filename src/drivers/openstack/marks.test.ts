import { expect, test } from 'vitest'
import * as fc from 'fast-check'
import { descriptionOf, groupNameOf, metadataOf, nameOf, ofDescription, ofGroupName, ofMetadata, ofTags, ofTagsOr, tagsOf } from './marks.ts'

const uid = fc.uuid()
const site = fc.oneof(fc.uuid(), fc.stringMatching(/^[a-z][a-z0-9-]{0,30}$/))
const role = fc.oneof(fc.constantFrom('network', 'cp-0', 'api-6443', 'root'), uid.map((u) => `controlplane-${u}`))
const marks = fc.record({ uid, site, role })

test('O1 a mark comes back from metadata, tags, description and a group\'s name as it was written', () => {
  fc.assert(fc.property(marks, (mark) => {
    for (const back of [ofMetadata(metadataOf(mark)), ofTags(tagsOf(mark)), ofDescription(descriptionOf(mark)), ofGroupName(groupNameOf(mark)), ofTagsOr(['x', ...tagsOf(mark)], ''), ofTagsOr(['theirs'], descriptionOf(mark))]) expect(back).toEqual(mark)
  }))
})

test('O1 marks fit: no / and no comma, tags of 60 characters for our own roles, descriptions and names of 255', () => {
  fc.assert(fc.property(marks, (mark) => {
    expect([...tagsOf(mark), descriptionOf(mark), groupNameOf(mark)].join('')).not.toMatch(/[/,]/)
    expect(Math.max(descriptionOf(mark).length, groupNameOf(mark).length, nameOf(mark).length)).toBeLessThanOrEqual(255)
  }))
})

test('O1 what is not ours has no mark', () => {
  expect([ofMetadata({}), ofMetadata(undefined), ofMetadata({ 'skerry-uid': 'u', 'skerry-site': 's' }), ofTags([]), ofTags(['skerry-uid:u']), ofDescription('a description of theirs'), ofDescription(''), ofGroupName('skerry'), ofGroupName('skerry-x-y')]).toEqual(Array.from({ length: 9 }, () => undefined))
})

test('O1 a mark that could not be read back is refused', () => {
  for (const bad of ['', 'a b', 'a/b', 'a,b', 'a@b']) expect(() => nameOf({ uid: bad, site: 's', role: 'r' })).toThrow('a mark\'s uid')
})
