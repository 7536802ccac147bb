import { request } from 'node:http'

/** Speaks GraphQL with a server. */
export interface GraphClient {
  /** The data of an operation that must succeed. @throws GraphRequestError with the first error's message */
  execute<T>(query: string, variables?: Readonly<Record<string, unknown>>): Promise<T>
}

export class GraphRequestError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

const answerTimeoutMs = 120_000

/**
 * A client of the control socket, which only the owner of the data directory can open. There, whoever asks says
 * himself in whose name.
 * @param login the username in whose name operations run; null for nobody's.
 */
export function controlClient(socketPath: string, login: string | null): GraphClient {
  return {
    async execute<T>(query: string, variables: Readonly<Record<string, unknown>> = {}) {
      const text = await post(socketPath, login, JSON.stringify({ query, variables }))
      const answer = JSON.parse(text) as { data?: T; errors?: { message: string; extensions?: { code?: string } }[] }
      const [error] = answer.errors ?? []
      if (error) throw new GraphRequestError(error.extensions?.code ?? 'INTERNAL_SERVER_ERROR', error.message)
      return answer.data as T
    },
  }
}

function post(socketPath: string, login: string | null, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      accept: 'application/json',
      ...(login === null ? {} : { authorization: `User ${login}` }),
    }
    const sent = request(
      { socketPath, path: '/graphql', method: 'POST', headers, timeout: answerTimeoutMs },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => resolve(Buffer.concat(chunks).toString()))
        response.on('error', reject)
      },
    )
    sent.on('timeout', () => sent.destroy(new Error('the server did not answer in time')))
    sent.on('error', reject)
    sent.end(body)
  })
}
