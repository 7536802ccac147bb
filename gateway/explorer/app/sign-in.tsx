import { type FormEvent, useState } from 'react'
import { SecondFactorNeeded, type Session, signIn } from './session.ts'

/** The page before anyone is signed in. */
export function SignIn({ onSignedIn }: { onSignedIn: (session: Session) => void }) {
  const [problem, setProblem] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  const [needsCode, setNeedsCode] = useState(false)

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    setBusy(true)
    setProblem(null)
    try {
      const given = (name: string) => String(form.get(name) ?? '')
      const totp = given('totp')
      onSignedIn(await signIn({ login: given('login'), password: given('password'), ...(totp === '' ? {} : { totp }) }))
    } catch (error) {
      setNeedsCode((known) => known || error instanceof SecondFactorNeeded)
      setProblem((error as Error).message)
      setBusy(false)
    }
  }

  return (
    <main className="sign-in">
      <form onSubmit={submit}>
        <h1>Mnemograph</h1>
        <p>Explore what your agents remember.</p>
        <label>
          Username or email
          <input name="login" autoComplete="username" required />
        </label>
        <label>
          Password
          <input name="password" type="password" autoComplete="current-password" required />
        </label>
        {needsCode && (
          <label>
            One-time password or backup code
            <input name="totp" autoComplete="one-time-code" required />
          </label>
        )}
        <button type="submit" disabled={busy}>
          {busy ? 'Signing in …' : 'Sign in'}
        </button>
        <p className="hint">The first start prints how to sign in as admin.</p>
        {problem !== null && (
          <p role="alert" className="problem">
            {problem}
          </p>
        )}
      </form>
    </main>
  )
}
