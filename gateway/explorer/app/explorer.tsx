import { createGraphiQLFetcher, type Fetcher } from '@graphiql/toolkit'
import { GraphiQL } from 'graphiql'
import { createClient } from 'graphql-ws'
import { useEffect, useMemo } from 'react'
import { accessToken, type Session } from './session.ts'

const tabs = [
  {
    query: `# Who am I, and what do my agents remember?
query WhatIsRemembered {
  viewer {
    username
    chatSessions(first: 3) {
      nodes {
        title
        messages(first: 5) {
          nodes {
            role
            content
            memories(first: 1) {
              nodes { concepts(first: 5) { nodes { name mentionCount } } }
            }
          }
        }
      }
    }
  }
}
`,
  },
  {
    query: `# Run this, then remember something in the next tab.
subscription Live {
  memoryChanges {
    kind
    at
    cursor
    memory { content tier owner { username } }
  }
}
`,
  },
  {
    query: `mutation Remember {
  remember(input: { content: "The explorer can follow memories live." }) {
    ... on RememberSuccess { memory { id content } cursor }
    ... on Problem { code message }
  }
}
`,
  },
]

/** The editor over the graph: queries over HTTP, subscriptions over one WebSocket, both as the one signed in. */
export function Explorer({ session, onSignOut }: { session: Session; onSignOut: () => void }) {
  const client = useMemo(openClient, [])
  useEffect(() => () => void client.dispose(), [client])
  const fetcher = useMemo(() => openFetcher(client), [client])
  return (
    <div className="explorer">
      <header>
        <strong>Mnemograph</strong>
        <span>{session.user.username}</span>
        <button type="button" onClick={onSignOut}>
          Sign out
        </button>
      </header>
      <GraphiQL fetcher={fetcher} defaultTabs={tabs} defaultEditorToolsVisibility={false} />
    </div>
  )
}

function openClient() {
  const url = new URL('/graphql', window.location.href)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  return createClient({
    url: url.href,
    lazy: true,
    connectionParams: async () => {
      const token = await accessToken()
      return token === null ? {} : { authorization: `Bearer ${token}` }
    },
  })
}

function openFetcher(wsClient: ReturnType<typeof createClient>): Fetcher {
  const fetchSigned: typeof fetch = async (input, init) => {
    const token = await accessToken()
    const headers = new Headers(init?.headers)
    if (token !== null) headers.set('authorization', `Bearer ${token}`)
    return fetch(input, { ...init, headers })
  }
  return createGraphiQLFetcher({ url: '/graphql', fetch: fetchSigned, wsClient })
}
