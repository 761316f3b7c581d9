/** The suites that need the lab; `./dev lab test` runs them. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: { include: ['lab/**/*.contract.ts'], pool: 'forks', fileParallelism: false, hookTimeout: 900_000, testTimeout: 600_000 },
})
