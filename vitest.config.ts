import { createRequire } from 'node:module'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  // The file that Node resolves: graphql's `module` entry would be a second copy beside the one Apollo's packages load.
  resolve: { alias: [{ find: /^graphql$/, replacement: createRequire(import.meta.url).resolve('graphql') }] },
  test: {
    include: ['tests/**/*.test.ts'],
    globalSetup: ['tests/kit/prepare.ts'],
    // Databases start inside tests, on machines that do other things: a limit for what hangs, not a measure of speed.
    testTimeout: 30_000,
    hookTimeout: 90_000,
  },
})
