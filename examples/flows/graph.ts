/** What an answer holds is what was selected: each flow reads its own. */
// biome-ignore lint/suspicious/noExplicitAny: a client with generated types would have them here
export type Data = any

/** A server of the graph, for one user. */
export interface Graph {
  /** The data of an operation. @throws Error when it fails */
  ask(query: string, variables?: Readonly<Record<string, unknown>>): Promise<Data>
  /**
   * Does a mutation, and answers with what its success holds.
   * @param select what of the success to select
   * @throws Refused when the answer is a problem
   */
  act(mutation: string, input: Readonly<Record<string, unknown>>, select: string): Promise<Data>
}

/** The graph's own word for why it did not do something. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly code: string
  constructor(mutation: string, code: string, message: string) {
    super(`${mutation}: ${message}`)
    this.code = code
  }
}

/**
 * @param url the GraphQL endpoint, as `http://127.0.0.1:4000/graphql`
 * @param token null for what needs no signing in
 */
export function connect(url: string, token: string | null): Graph {
  const ask: Graph['ask'] = async (query, variables = {}) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
      body: JSON.stringify({ query, variables }),
    })
    const { data, errors } = (await response.json()) as { data?: Data; errors?: readonly { message: string }[] }
    if (errors?.[0]) throw new Error(errors[0].message)
    return data
  }
  return {
    ask,
    async act(mutation, input, select) {
      const type = `${mutation[0]?.toUpperCase()}${mutation.slice(1)}`
      const { answer } = await ask(
        `mutation ($input: ${type}Input!) { answer: ${mutation}(input: $input) {
          ... on ${type}Success { ${select} } ... on Problem { code problem: message } } }`,
        { input },
      )
      if (answer.problem) throw new Refused(mutation, answer.code, answer.problem)
      return answer
    },
  }
}

/** Signs in with a password. @throws Error when it is not taken */
export async function signIn(url: string, login: string, password: string): Promise<Graph> {
  const { session } = await connect(url, null).act('signIn', { login, password }, 'session { accessToken }')
  return connect(url, session.accessToken)
}
