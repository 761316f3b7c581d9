/** `./dev lab test`: the contract suites against the running lab. One after another, and with time: the lab shares two cores with its guests. */
import { defineConfig } from 'vitest/config'

export default defineConfig({ test: { root: new URL('.', import.meta.url).pathname, include: ['**/*.contract.ts'], testTimeout: 600_000, hookTimeout: 900_000, pool: 'forks', maxWorkers: 1, fileParallelism: false } })
