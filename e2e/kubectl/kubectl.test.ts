import { expect, test } from 'vitest'
import { findKubectl } from './find.ts'
import { run } from './run.ts'

const found = findKubectl(process.env['KUBECTL'])

test.skipIf(found.kind === 'missing')(`A1 unmodified kubectl works with a kind of ours${found.kind === 'missing' ? `: ${found.why}` : ''}`, async () => {
  expect(await run()).toBe(0)
}, 120_000)
