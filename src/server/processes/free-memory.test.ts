import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openTrim } from './free-memory.ts'

test.skipIf((await openTrim()) === undefined)('what was freed between things that live goes back to the system', () => {
  const script = `
    import { openTrim } from ${JSON.stringify(join(import.meta.dirname, 'free-memory.ts'))}
    const trim = await openTrim()
    const rss = () => process.memoryUsage.rss() / 2 ** 20
    let all = Array.from({ length: 4_000 }, () => Buffer.alloc(60_000, 1))
    all = all.filter((_, i) => i % 20 === 0)
    gc()
    await new Promise((done) => setTimeout(done, 100))
    const before = rss()
    trim()
    console.log(JSON.stringify([before > 200, rss() < 120, all.length]))`
  const answer = execFileSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', script], { encoding: 'utf8', env: { ...process.env, MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '262144', MALLOC_TRIM_THRESHOLD_: '524288' } })
  expect(JSON.parse(answer)).toEqual([true, true, 200])
})
