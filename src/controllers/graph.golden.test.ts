/** Who is woken by what and who writes what, in one file; `./dev golden` writes it anew. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { graphText } from '../engine/graph.ts'
import { controllers } from './index.ts'
import type { Ports } from './ports.ts'

/** Nothing runs: what a controller declares needs no outside. */
const none = new Proxy({}, { get: (_, name) => { throw new Error(`port ${String(name)} asked for without a controller running`) } }) as Ports

test('who reads and writes what is as it was reviewed', async () => {
  await expect(graphText(controllers(none))).toMatchFileSnapshot(join(import.meta.dirname, 'golden/graph.txt'))
})
