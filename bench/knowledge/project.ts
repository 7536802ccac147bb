/**
 * The concepts projector over a file of conversations: memories a second from the log to the last relation, on an
 * embedded database in memory, and how much of the time its transactions held the one connection.
 * `node bench/knowledge/project.ts FILE [--limit N]`; FILE is JSON Lines with `messages`.
 */
import { createHash, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { logStart } from '../../lib/cursor.ts'
import { silentLog } from '../../lib/log.ts'
import { openEventLog } from '../../stores/log/log.ts'
import { oneSession, openEmbeddedPostgres } from '../../stores/postgres/embedded.ts'
import { openPostgres } from '../../stores/postgres/postgres.ts'
import { createExtractor } from '../../subgraphs/knowledge/extraction/extractor.ts'
import { conceptsProjector } from '../../subgraphs/knowledge/projection/projector.ts'

const { values, positionals } = parseArgs({ allowPositionals: true, options: { limit: { type: 'string' } } })
const [file] = positionals
if (file === undefined) throw new Error('usage: project.ts FILE [--limit N]')

interface Line {
  readonly messages?: readonly { readonly role?: string; readonly content?: unknown }[]
}

const said = readFileSync(file, 'utf8')
  .split('\n')
  .filter(Boolean)
  .flatMap((line) => (JSON.parse(line) as Line).messages ?? [])
  .flatMap(({ role, content }) => (role !== 'system' && typeof content === 'string' && content !== '' ? [content] : []))
  .slice(0, Number(values.limit ?? Number.POSITIVE_INFINITY))

const { server, connection } = await openEmbeddedPostgres({ directory: ':memory:' })
const heldBy = new Map<string, { count: number; ms: number; rows: number }>()
const postgres = openPostgres({
  ...connection,
  ...oneSession,
  onStatement: ({ text, durationMs, rows }) => {
    const name = text.replace(/\s+/g, ' ').slice(0, 46)
    const sum = heldBy.get(name) ?? { count: 0, ms: 0, rows: 0 }
    heldBy.set(name, { count: sum.count + 1, ms: sum.ms + durationMs, rows: sum.rows + rows })
  },
})
const [tenantId, userId] = [randomUUID(), randomUUID()]
const security = { role: 'memory', tenantId, userId, sessionId: null, traceId: 'bench', deadline: Infinity } as const

await postgres.write({ ...security, role: 'projector' }, (tx) => tx.query('SELECT 1'))
const pg = (await import('pg')).default
const admin = new pg.Client(server.admin)
await admin.connect()
await admin.query("INSERT INTO app.tenants (id, name) VALUES ($1, 'bench')", [tenantId])
await admin.end()
for (let at = 0; at < said.length; at += 200) {
  const rows = said.slice(at, at + 200).map((content) => ({
    id: randomUUID(),
    revision: randomUUID(),
    content,
    hash: createHash('sha256').update(content).digest('hex'),
  }))
  await postgres.write(security, async (tx) => {
    await tx.query(
      `WITH given AS (SELECT * FROM jsonb_to_recordset($3::jsonb) AS r (id uuid, revision uuid, content text, hash text)),
       memories AS (INSERT INTO memory.memories (id, tenant_id, owner_id, visibility, created_at, updated_at)
                    SELECT id, $1::uuid, $2::uuid, 'PRIVATE', now(), now() FROM given)
       INSERT INTO memory.revisions (id, memory_id, version, tenant_id, owner_id, content, content_hash, terms, tier, visibility,
                                     occurred_at, time_inferred, known_from)
       SELECT revision, id, 1, $1::uuid, $2::uuid, content, decode(hash, 'hex'), '{}', 'EPISODIC', 'PRIVATE', now(), true, now()
       FROM given`,
      [tenantId, userId, JSON.stringify(rows)],
    )
    const drafts = rows.map(({ id }) => ({ kind: 'CREATED', type: 'Memory', id, version: 1, after: [userId] }))
    await tx.query('SELECT FROM events.append($1::jsonb)', [JSON.stringify(drafts)])
  })
}

heldBy.clear()
const log = openEventLog(postgres)
const extractor = createExtractor()
const projector = conceptsProjector({ postgres, logger: silentLog() }, extractor)
const began = performance.now()
const cpuBefore = process.cpuUsage()
let position = { epoch: 1, ...logStart }
let longest = 0
for (;;) {
  const events = await log.read(position, 200)
  const last = events.at(-1)
  if (!last) break
  const start = performance.now()
  await projector.apply(events, new AbortController().signal)
  longest = Math.max(longest, performance.now() - start)
  position = last.position
}
const ms = performance.now() - began
const cpu = process.cpuUsage(cpuBefore)
const cpuMs = (cpu.user + cpu.system) / 1000
console.log(
  `${said.length} memories in ${(ms / 1000).toFixed(1)} s: ${Math.round((said.length / ms) * 1000)}/s; longest batch ${Math.round(longest)} ms; ${(cpuMs / said.length).toFixed(2)} CPU-ms each`,
)
for (const [name, sum] of [...heldBy].sort(([, a], [, b]) => b.ms - a.ms)) {
  console.log(
    `${Math.round(sum.ms).toString().padStart(7)} ms ${sum.count.toString().padStart(5)}× ${sum.rows.toString().padStart(8)} rows  ${name}`,
  )
}
await extractor.close()
await postgres.close()
await server.close()
