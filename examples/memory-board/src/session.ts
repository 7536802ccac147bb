import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client'
import { SetContextLink } from '@apollo/client/link/context'
import { LiveLink } from './live-link'
import { refreshSession } from './operations'

export const graphUrl: string =
  new URLSearchParams(location.search).get('graph') ?? import.meta.env.VITE_GRAPH_URL ?? 'http://127.0.0.1:4000/graphql'

export interface Tokens {
  readonly accessToken: string
  readonly refreshToken: string
}

const tokensKey = 'memory-board tokens'

export function loadTokens(): Tokens | null {
  const text = sessionStorage.getItem(tokensKey)
  return text === null ? null : JSON.parse(text)
}

export function keepTokens(tokens: Tokens | null): void {
  if (tokens === null) sessionStorage.removeItem(tokensKey)
  else sessionStorage.setItem(tokensKey, JSON.stringify(tokens))
}

/** The token that is good now; one that the server refuses is exchanged for a new one. */
async function accessToken(isRefused: boolean): Promise<string> {
  const tokens = loadTokens()
  if (!isRefused || tokens === null) return tokens?.accessToken ?? ''
  const { data } = await anonymous.mutate({
    mutation: refreshSession,
    variables: { refreshToken: tokens.refreshToken },
  })
  const answer = data?.refreshSession
  if (answer?.__typename !== 'RefreshSessionSuccess') return ''
  keepTokens(answer.session)
  return answer.session.accessToken
}

/** For what is asked before anybody is signed in. */
export const anonymous = new ApolloClient({ link: new HttpLink({ uri: graphUrl }), cache: new InMemoryCache() })

const withToken = new SetContextLink(async ({ headers }) => ({
  headers: { ...headers, authorization: `Bearer ${await accessToken(false)}` },
}))

/** Queries and mutations go over HTTP; subscriptions come live, and come back by themselves. */
export const client = new ApolloClient({
  cache: new InMemoryCache(),
  link: ApolloLink.split(
    ({ operationType }) => operationType === 'subscription',
    new LiveLink({ url: graphUrl, token: accessToken }),
    withToken.concat(new HttpLink({ uri: graphUrl })),
  ),
})
