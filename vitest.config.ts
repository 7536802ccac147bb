import { createRequire } from 'node:module'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  // The file that Node resolves: graphql's `module` entry would be a second copy beside the one Apollo's packages load.
  resolve: { alias: [{ find: /^graphql$/, replacement: createRequire(import.meta.url).resolve('graphql') }] },
  test: { include: ['tests/**/*.test.ts'] },
})
