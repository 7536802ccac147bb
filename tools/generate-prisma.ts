import { spawnSync } from 'node:child_process'
import { delimiter, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Generates the Prisma client into generated/prisma. Generating needs no engine, but Prisma's command looks for one
 * and tries to download it; naming any executable spares the download.
 */
const prisma = fileURLToPath(new URL('../node_modules/prisma/build/index.js', import.meta.url))
const { status } = spawnSync(process.execPath, [prisma, 'generate', '--no-hints'], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  env: {
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    CHECKPOINT_DISABLE: '1',
    ...process.env,
    // Our own generator is TypeScript and must find this Node, not the machine's.
    PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ''}`,
  },
  stdio: ['ignore', 'inherit', 'inherit'],
})
process.exitCode = status ?? 1
