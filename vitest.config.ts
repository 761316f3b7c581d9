import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'testkit/**/*.test.ts', 'tools/**/*.test.ts', 'e2e/**/*.test.ts', 'lab/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
    // Two shared cores make time-outs; a test that fails three times has failed.
    retry: process.env['CI'] === undefined ? 0 : 2,
  },
})
