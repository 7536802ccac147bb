import { fileURLToPath } from 'node:url'
import type { Route } from '../edge/http.ts'
import { serveFolder } from '../edge/static.ts'

const built = fileURLToPath(new URL('../../generated/explorer', import.meta.url))

/** The analysts' page under `/explorer`, as `npm ci` built it. */
export function explorerRoute(): Route {
  const serve = serveFolder(built, '/explorer')
  if (serve === null) throw new Error('the explorer has not been built: run `npm run prepare`')
  return { path: '/explorer', handle: serve }
}
