/** Who is signed in on this page. It ends with the browser's tab. */
export interface Session {
  readonly accessToken: string
  readonly refreshToken: string
  readonly expiresAt: string
  readonly user: { readonly username: string }
}

export interface SignInInput {
  readonly login: string
  readonly password: string
  /** A one-time password or a backup code. */
  readonly totp?: string
}

/** The password was right, and the server wants a second factor as well. */
export class SecondFactorNeeded extends Error {}

const key = 'mnemograph.session'
const endpoint = '/graphql'
/** A token that ends this soon is renewed before it is used. Milliseconds. */
const margin = 60_000
const fields = 'session { accessToken refreshToken expiresAt user { username } }'

const signInQuery = `mutation SignIn($input: SignInInput!) {
  answer: signIn(input: $input) { ... on SignInSuccess { ${fields} } ... on Problem { code message } } }`
const refreshQuery = `mutation Refresh($input: RefreshSessionInput!) {
  answer: refreshSession(input: $input) { ... on RefreshSessionSuccess { ${fields} } ... on Problem { message } } }`

export function loadSession(): Session | null {
  const text = sessionStorage.getItem(key)
  return text === null ? null : (JSON.parse(text) as Session)
}

export function forgetSession(): void {
  sessionStorage.removeItem(key)
}

/** @throws Error with words for the person at the page */
export async function signIn(input: SignInInput): Promise<Session> {
  return keep(await ask(signInQuery, { input }))
}

let renewal: Promise<Session> | null = null

/** The access token to send now, renewed when it is about to end; null when nobody is signed in. */
export async function accessToken(): Promise<string | null> {
  const session = loadSession()
  if (session === null) return null
  if (Date.parse(session.expiresAt) - Date.now() > margin) return session.accessToken
  // A refresh token is good once, so whoever needs a token now waits for the same renewal.
  renewal ??= renew(session).finally(() => {
    renewal = null
  })
  return (await renewal).accessToken
}

/** Ends the sign-in on the server, then here. */
export async function signOut(): Promise<void> {
  const token = await accessToken().catch(() => null)
  forgetSession()
  if (token === null) return
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  await fetch(endpoint, {
    method: 'POST',
    headers,
    body: JSON.stringify({ query: 'mutation { signOut { __typename } }' }),
  })
}

async function renew({ refreshToken }: Session): Promise<Session> {
  try {
    return keep(await ask(refreshQuery, { input: { refreshToken } }))
  } catch (error) {
    forgetSession()
    throw error
  }
}

function keep(session: Session): Session {
  sessionStorage.setItem(key, JSON.stringify(session))
  return session
}

async function ask(query: string, variables: unknown): Promise<Session> {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  })
  const { data, errors } = (await response.json()) as {
    data?: { answer: { session?: Session; message?: string; code?: string } }
    errors?: { message: string }[]
  }
  const session = data?.answer.session
  if (data?.answer.code === 'SECOND_FACTOR_REQUIRED') throw new SecondFactorNeeded(data.answer.message)
  if (session === undefined)
    throw new Error(data?.answer.message ?? errors?.[0]?.message ?? 'The server did not answer.')
  return session
}
