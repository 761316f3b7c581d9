/** The OpenAPI document of our kinds, as clients see it; `./dev golden` writes it anew. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createApiServer } from '../apiserver/index.ts'
import { openapiDocument } from '../apiserver/openapi.ts'
import { silent } from '../store/log.ts'
import { openMemoryStore } from '../store/memory/memory.ts'
import { kinds, Project } from './index.ts'

test('A1 the kinds, as OpenAPI says them, are as they were reviewed', async () => {
  const store = openMemoryStore()
  const server = await createApiServer({
    store, kinds, namespaceKind: Project, collectGarbage: false, pollMs: 0, log: silent, authenticate: () => undefined, authorize: () => false, version: { major: '1', minor: '36', gitVersion: 'golden' },
  })
  try {
    const document = openapiDocument(server.api, 'apis/skerry.dev/v1alpha1')!
    const { components, paths } = JSON.parse(document) as { readonly components: { readonly schemas: object }; readonly paths: Readonly<Record<string, object>> }
    // Of a path only its methods: their parameters are the same for every kind.
    const methods = Object.fromEntries(Object.entries(paths).map(([path, item]) => [path, Object.keys(item).filter((k) => k !== 'parameters').join(' ')]))
    await expect(`${JSON.stringify({ paths: methods, schemas: components.schemas }, undefined, 1)}\n`).toMatchFileSnapshot(join(import.meta.dirname, 'golden/kinds.json'))
  } finally {
    await server.close()
    await store.close()
  }
})
