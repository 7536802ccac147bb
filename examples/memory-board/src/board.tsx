import { useApolloClient, useMutation, useQuery, useSubscription } from '@apollo/client/react'
import { type FormEvent, useCallback, useEffect, useRef, useState } from 'react'
import type { Status } from '../../live-client/follow'
import type { BoardMemoriesQuery } from './gql/graphql'
import { connection } from './live-link'
import { addMemory, boardChanges, boardMemories } from './operations'
import { type Draft, keepOutbox, loadOutbox } from './outbox'

type Memory = BoardMemoriesQuery['memories']['nodes'][number]

const words: Record<Status, string> = {
  connecting: 'Connecting …',
  live: 'Live',
  offline: 'Offline',
  'signed-out': 'Signed out',
}

export function Board() {
  const status = useStatus()
  const memories = useLiveMemories()
  const { drafts, add } = useOutbox(status)
  return (
    <main>
      <header>
        <h1>Memory board</h1>
        <p role="status">{words[status]}</p>
      </header>
      <Composer onAdd={add} />
      <ul aria-label="Memories">
        {drafts.map(({ key, content }) => (
          <li key={key} aria-busy="true">
            {content}
          </li>
        ))}
        {memories.map(({ id, content, version }) => (
          <li key={id} data-version={version}>
            {content}
          </li>
        ))}
      </ul>
    </main>
  )
}

function Composer({ onAdd }: { onAdd(content: string): void }) {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = event.currentTarget
    const content = String(new FormData(form).get('content')).trim()
    if (content === '') return
    onAdd(content)
    form.reset()
  }
  return (
    <form onSubmit={submit}>
      <input name="content" aria-label="What to remember" placeholder="What to remember" />
      <button type="submit">Remember</button>
    </form>
  )
}

/** The newest memories: read once the stream has begun, then as the events tell. */
function useLiveMemories(): readonly Memory[] {
  const { cache } = useApolloClient()
  const { data, refetch } = useQuery(boardMemories, { fetchPolicy: 'cache-first' })
  useSubscription(boardChanges, {
    // What it tells goes into the cache, which renders the list; the hook itself need not.
    ignoreResults: true,
    onData({ data: result }) {
      const { live } = Object(Object(result).extensions) as { live?: { resync: boolean } }
      if (live?.resync) return void refetch()
      const told = result.data?.memoryChanges
      if (!told) return
      cache.updateQuery({ query: boardMemories }, (before) => before && { memories: changed(before.memories, told) })
    },
  })
  return data?.memories.nodes ?? []
}

function changed(
  { nodes, ...rest }: BoardMemoriesQuery['memories'],
  { memoryId, memory }: { memoryId: string; memory?: Memory | null },
): BoardMemoriesQuery['memories'] {
  const others = nodes.filter(({ id }) => id !== memoryId)
  const all = memory ? [memory, ...others].toSorted((a, b) => b.createdAt.localeCompare(a.createdAt)) : others
  return { ...rest, nodes: all.slice(0, 50) }
}

function useStatus(): Status {
  const [status, setStatus] = useState<Status>('connecting')
  useEffect(() => {
    const hear = (event: Event) => setStatus((event as CustomEvent<Status>).detail)
    connection.addEventListener('status', hear)
    return () => connection.removeEventListener('status', hear)
  }, [])
  return status
}

/** What was written is shown at once and sent as soon as it can be; a key keeps it from being remembered twice. */
function useOutbox(status: Status) {
  const [drafts, setDrafts] = useState(loadOutbox)
  const [send] = useMutation(addMemory)
  const isSending = useRef(false)
  useEffect(() => keepOutbox(drafts), [drafts])
  const flush = useCallback(
    async (waiting: readonly Draft[]) => {
      if (isSending.current) return
      isSending.current = true
      try {
        for (const { key, content } of waiting) {
          await send({ variables: { key, content } })
          setDrafts((all) => all.filter((draft) => draft.key !== key))
        }
      } catch {
        // It is sent again when the connection is back.
      } finally {
        isSending.current = false
      }
    },
    [send],
  )
  useEffect(() => {
    if (status === 'live' && drafts.length > 0) void flush(drafts)
  }, [status, drafts, flush])
  const add = (content: string) => setDrafts((all) => [{ key: crypto.randomUUID(), content }, ...all])
  return { drafts, add }
}
