import { postgraphile } from 'postgraphile'
import { makePgService } from 'postgraphile/@dataplan/pg/adaptors/pg'
import { grafast } from 'postgraphile/grafast'
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber'

/**
 * PostGraphile over the memory room's tables, as its own documents start it, in process: every request with the role and
 * the settings by which the room's policies judge.
 * @param url the database, by a login that may become the room's role
 * @param settings role and settings of each request
 */
export async function openPostgraphile(url, settings) {
  const service = makePgService({ connectionString: url, schemas: ['memory'], pgSettings: () => settings })
  const instance = postgraphile({
    extends: [PostGraphileAmberPreset],
    pgServices: [service],
    grafast: { explain: false },
    grafserv: { watch: false },
  })
  const { schema, resolvedPreset } = await instance.getSchemaResult()
  return {
    schema,
    /** The whole answer. */
    ask: (source, variableValues = {}) =>
      grafast({ schema, source, variableValues, resolvedPreset, requestContext: {} }),
    async close() {
      await instance.release()
      await service.release?.()
    },
  }
}
