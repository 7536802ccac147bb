import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { printSchema } from 'graphql'
import { compose } from '../gateway/engine/compose.ts'
import { readSupergraph } from '../gateway/engine/supergraph.ts'
import { loadRooms } from '../subgraphs/rooms.ts'
import { roomTypeDefs } from '../subgraphs/subgraph.ts'

// Composes the rooms into schema/supergraph.graphql and schema/api.graphql.
// With --check nothing is written, and a stale file is an error.

const directory = join(import.meta.dirname, '..', 'schema')
const rooms = await loadRooms()
const supergraph = compose(
  rooms.map((room) => ({
    name: room.name,
    url: `http://${room.name}.mnemograph`,
    typeDefs: roomTypeDefs(room, rooms),
  })),
)
const files = { 'supergraph.graphql': supergraph, 'api.graphql': `${printSchema(readSupergraph(supergraph).schema)}\n` }

const stale = Object.entries(files).filter(([name, text]) => read(name) !== text)
if (process.argv.includes('--check')) {
  for (const [name] of stale) console.error(`schema/${name} is stale: run \`npm run schema\``)
  process.exitCode = stale.length === 0 ? 0 : 1
} else {
  mkdirSync(directory, { recursive: true })
  for (const [name, text] of stale) writeFileSync(join(directory, name), text)
  console.log(
    stale.length === 0
      ? 'The schema files are up to date.'
      : `Wrote ${stale.map(([name]) => `schema/${name}`).join(', ')}.`,
  )
}

function read(name: string): string | null {
  const file = join(directory, name)
  return existsSync(file) ? readFileSync(file, 'utf8') : null
}
