import { readFileSync } from 'node:fs'
import { type Command, InvalidArgumentError } from 'commander'
import type { GraphQLSchema } from 'graphql'
import { clientSchema, type SchemaChange, schemaChanges } from '../../gateway/engine/schema-changes.ts'

const help = `
Each file is a supergraph or a schema as clients see it. A breaking change may make operations invalid; a dangerous one
may show clients what they do not know. The command ends with 1 when something breaks, with 2 when a file cannot be read.

Examples:
  $ npx mnemograph schema diff deployed.graphql supergraph.graphql
  $ npx mnemograph schema diff deployed.graphql supergraph.graphql --json`

export function register(program: Command): void {
  const schema = program.command('schema').description('work with schemas')
  schema
    .command('diff')
    .description('tell what a newer schema breaks for clients of an older one')
    .argument('<old>', 'the schema that clients know', readSchema)
    .argument('<new>', 'the schema that is to replace it', readSchema)
    .option('--json', 'print the changes as JSON')
    .addHelpText('after', help)
    .action(diff)
}

function diff(before: GraphQLSchema, after: GraphQLSchema, { json }: { json?: boolean }): void {
  const changes = schemaChanges(before, after)
  if (json) console.log(JSON.stringify(changes, null, 2))
  else printChanges(changes.breaking, changes.dangerous)
  process.exitCode = changes.breaking.length === 0 ? 0 : 1
}

function printChanges(breaking: readonly SchemaChange[], dangerous: readonly SchemaChange[]): void {
  for (const { description } of breaking) console.log(`breaking   ${description}`)
  for (const { description } of dangerous) console.log(`dangerous  ${description}`)
  console.log(`${breaking.length} breaking, ${dangerous.length} dangerous changes`)
}

function readSchema(file: string): GraphQLSchema {
  try {
    return clientSchema(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new InvalidArgumentError(`${file}: ${(error as Error).message}`)
  }
}
