import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  // Packages load graphql's CommonJS form; a second copy of it in the tests would refuse their schemas.
  resolve: { alias: [{ find: /^graphql$/, replacement: fileURLToPath(import.meta.resolve('graphql')) }] },
  test: {
    include: ['tests/**/*.test.ts'],
    globalSetup: ['tests/kit/prepare.ts'],
    // Each file opens databases of its own; two at a time is what two cores and their memory bear.
    pool: 'forks',
    maxWorkers: 2,
    // A busy machine takes its time; what never comes is reported all the same.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 10_000, interval: 20 } },
    reporters: ['default'],
  },
})
