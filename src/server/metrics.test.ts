import { Counter, Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { serveMetrics } from './metrics.ts'

test('metrics are read at one path and nothing else is served', async () => {
  const registry = new Registry()
  new Counter({ name: 'skerry_things_total', help: 'things', registers: [registry] }).inc(3)
  const served = await serveMetrics(registry, 0)
  const at = `http://127.0.0.1:${served.port}`
  const answer = await fetch(`${at}/metrics`)
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, registry.contentType])
  expect(await answer.text()).toContain('skerry_things_total 3')
  expect((await fetch(`${at}/`)).status).toBe(404)
  expect((await fetch(`${at}/metrics`, { method: 'POST' })).status).toBe(404)
  await expect(serveMetrics(registry, served.port)).rejects.toThrow('EADDRINUSE')
  await served.close()
})
