import { defineConfig } from 'prisma/config'

/** Prisma only generates the client here: migrations are SQL, run by our own command. */
export default defineConfig({ schema: 'prisma' })
