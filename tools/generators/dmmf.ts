import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'

/**
 * A Prisma generator that keeps the whole data model as JSON, for the test that compares it with the database: the
 * client's own copy leaves out native types, keys and nullability. Requests come by line on stdin as JSON-RPC, and
 * answers go to stderr.
 */
interface Request {
  readonly id: number
  readonly method: string
  readonly params: {
    readonly dmmf?: { readonly datamodel: unknown }
    readonly generator?: { readonly output?: { readonly value: string } }
  }
}

function answer({ method, params }: Request): unknown {
  if (method === 'getManifest') {
    return { manifest: { prettyName: 'data model as JSON', defaultOutput: '../generated/dmmf.json' } }
  }
  const output = params.generator?.output?.value
  if (method !== 'generate' || !output) throw new Error(`unexpected request ${method}`)
  mkdirSync(dirname(output), { recursive: true })
  writeFileSync(output, JSON.stringify(params.dmmf?.datamodel))
  return null
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line) as Request
  console.error(JSON.stringify({ jsonrpc: '2.0', id: request.id, result: answer(request) }))
}
