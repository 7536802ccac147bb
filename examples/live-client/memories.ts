import { LiveList } from './live-list.ts'

// A user's newest memories, kept live in a terminal:
//   MNEMOGRAPH_TOKEN=… node examples/live-client/memories.ts http://127.0.0.1:4000/graphql

interface Memory {
  readonly id: string
  readonly content: string
  readonly createdAt: string
}

interface MemoryChanges {
  readonly memoryChanges: { readonly memoryId: string; readonly memory: Memory | null }
}

export const fields = 'id content createdAt'
export const list = `query { memories(first: 20, orderBy: NEWEST_FIRST) { nodes { ${fields} } } }`
export const changes = `subscription ($after: Cursor) { memoryChanges(after: $after) { memoryId memory { ${fields} } } }`

/** The list after a change: the changed memory in its place, or gone. */
export function applyChange(memories: readonly Memory[], { memoryChanges }: MemoryChanges): readonly Memory[] {
  const { memoryId, memory } = memoryChanges
  const others = memories.filter(({ id }) => id !== memoryId)
  if (memory === null) return others
  return [...others, memory].toSorted((a, b) => b.createdAt.localeCompare(a.createdAt)).slice(0, 20)
}

export async function ask<Data>(url: string, token: string, query: string): Promise<Data> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query }) })
  const { data, errors } = (await response.json()) as { data?: Data; errors?: readonly { message: string }[] }
  if (!data) throw new Error(errors?.[0]?.message ?? `the server answered ${response.status}`)
  return data
}

if (import.meta.main) {
  const url = process.argv[2] ?? 'http://127.0.0.1:4000/graphql'
  const token = process.env.MNEMOGRAPH_TOKEN ?? ''
  const memories = new LiveList<Memory, MemoryChanges>({
    url,
    token: () => token,
    query: changes,
    read: async () => (await ask<{ memories: { nodes: Memory[] } }>(url, token, list)).memories.nodes,
    apply: applyChange,
    onChange({ items, status }) {
      console.log(`\n${status}, ${items.length} memories`)
      for (const { createdAt, content } of items) console.log(`  ${createdAt}  ${content.slice(0, 80)}`)
    },
  })
  process.once('SIGINT', () => memories.close())
  await memories.run()
}
