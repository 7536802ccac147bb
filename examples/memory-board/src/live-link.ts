import { ApolloLink } from '@apollo/client'
import { print } from 'graphql'
import { Observable } from 'rxjs'
import { type FollowOptions, follow, type Status } from '../../live-client/follow'

export interface LiveLinkOptions {
  readonly url: string
  token: FollowOptions['token']
}

/** The state of the page's connection, for whoever shows it. */
export const connection = new EventTarget()

/**
 * Subscriptions that survive a lost connection: a subscriber sees one stream, however often the connection behind it
 * has to be made anew. What the server says of the stream itself is in the result's `extensions.live`.
 */
export class LiveLink extends ApolloLink {
  constructor({ url, token }: LiveLinkOptions) {
    super(
      ({ query, variables }) =>
        new Observable<ApolloLink.Result>((observer) => {
          const ending = new AbortController()
          void (async () => {
            try {
              for await (const { data, errors, live } of follow<Record<string, unknown>>({
                url,
                token,
                query: print(query),
                variables,
                signal: ending.signal,
                onStatus: announce,
                // Nothing after this place is missed: what was there before can be read now.
                onBegin: (cursor) => observer.next(begun(cursor)),
              })) {
                observer.next({ data, ...(errors ? { errors } : {}), extensions: { live } } as ApolloLink.Result)
              }
              observer.complete()
            } catch (error) {
              observer.error(error)
            }
          })()
          return () => ending.abort()
        }),
    )
  }
}

function announce(status: Status): void {
  connection.dispatchEvent(new CustomEvent('status', { detail: status }))
}

/** Said in the same words as a place that cannot be replayed from: either way the page reads anew. */
function begun(cursor: string): ApolloLink.Result {
  return { data: null, extensions: { live: { cursor, resync: true, lagging: false } } } as ApolloLink.Result
}
