import { useMutation } from '@apollo/client/react'
import type { FormEvent } from 'react'
import { useState } from 'react'
import { signIn } from './operations'
import { anonymous, keepTokens } from './session'

export function SignIn({ onSignedIn }: { onSignedIn(): void }) {
  const [problem, setProblem] = useState<string | null>(null)
  const [send, { loading }] = useMutation(signIn, { client: anonymous })
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const variables = { login: String(form.get('login')), password: String(form.get('password')) }
    const { data, error } = await send({ variables }).catch((error: Error) => ({ data: undefined, error }))
    const answer = data?.signIn
    if (answer?.__typename === 'SignInSuccess') {
      keepTokens(answer.session)
      onSignedIn()
    } else
      setProblem(
        answer && 'message' in answer ? answer.message : (error?.message ?? 'This account needs another way in.'),
      )
  }
  return (
    <form onSubmit={(event) => void submit(event)} aria-label="Sign in">
      <input name="login" aria-label="Name" autoComplete="username" />
      <input name="password" aria-label="Password" type="password" autoComplete="current-password" />
      <button type="submit" disabled={loading}>
        Sign in
      </button>
      {problem && <p role="alert">{problem}</p>}
    </form>
  )
}
