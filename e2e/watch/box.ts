/** What is written and watched in this story: boxes, of which every change is noted, and crates, which are large and only fill a reader that does not read. */
import { z } from 'zod'
import { defineKind } from '../../src/api/meta/index.ts'

export const colours = ['red', 'blue'] as const
export const Box = defineKind({
  group: 'e2e.skerry.test', version: 'v1', kind: 'Box', plural: 'boxes', singular: 'box', shortNames: [], categories: [], namespaced: false, home: 'hub',
  writers: { spec: 'user', status: 'user' }, description: 'A box of the story.', spec: z.object({ value: z.string(), payload: z.string().optional() }), columns: [],
})
export const Crate = defineKind({
  group: 'e2e.skerry.test', version: 'v1', kind: 'Crate', plural: 'crates', singular: 'crate', shortNames: [], categories: [], namespaced: false, home: 'hub',
  writers: { spec: 'user', status: 'user' }, description: 'A crate of the story.', spec: z.object({ payload: z.string() }), columns: [],
})
export const cratePath = '/apis/e2e.skerry.test/v1/crates'
export const resource = 'boxes.e2e.skerry.test'
export const path = '/apis/e2e.skerry.test/v1/boxes'

export interface BoxObject {
  readonly metadata: { readonly name: string; readonly uid: string; readonly resourceVersion: string; readonly labels?: Readonly<Record<string, string>> }
  readonly spec?: { readonly value: string }
}
