import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { clientSchema, schemaChanges } from '../gateway/engine/schema-changes.ts'

// Fails when schema/api.graphql breaks clients of the schema that is committed: of main where this branch left it, or of
// the file that is given. What is broken on purpose stands in schema/accepted-changes.txt, one description a line, until
// main has it.

const root = join(import.meta.dirname, '..')
const schemaFile = 'schema/api.graphql'
const acceptedFile = join(root, 'schema/accepted-changes.txt')

const given = process.argv[2]
const base = given === undefined ? committed() : readFileSync(given, 'utf8')
if (base === undefined) {
  console.log('There is no committed schema to compare with.')
} else {
  const accepted = existsSync(acceptedFile) ? readFileSync(acceptedFile, 'utf8').split('\n') : []
  const now = readFileSync(join(root, schemaFile), 'utf8')
  const { breaking } = schemaChanges(clientSchema(base), clientSchema(now))
  const unexpected = breaking.filter(({ description }) => !accepted.includes(description))
  for (const { description } of unexpected) console.error(`breaking: ${description}`)
  console.log(`${breaking.length} breaking changes, ${breaking.length - unexpected.length} of them accepted`)
  process.exitCode = unexpected.length === 0 ? 0 : 1
}

/** The schema where this branch left main; undefined without git or main. */
function committed(): string | undefined {
  for (const main of ['origin/main', 'main', 'HEAD']) {
    try {
      const commit = git('merge-base', main, 'HEAD').trim()
      return git('show', `${commit}:${schemaFile}`)
    } catch {
      // No such branch here, or no repository at all.
    }
  }
  return undefined
}

function git(...args: string[]): string {
  return execFileSync('git', args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 1 << 26,
  })
}
