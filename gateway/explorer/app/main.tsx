import 'graphiql/setup-workers/vite'
import 'graphiql/style.css'
import './style.css'
import { StrictMode, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { Explorer } from './explorer.tsx'
import { loadSession, signOut } from './session.ts'
import { SignIn } from './sign-in.tsx'

function Page() {
  const [session, setSession] = useState(loadSession)
  if (session === null) return <SignIn onSignedIn={setSession} />
  const leave = () => {
    setSession(null)
    void signOut()
  }
  return <Explorer session={session} onSignOut={leave} />
}

const root = document.getElementById('root')
if (root === null) throw new Error('the page has no root')
createRoot(root).render(
  <StrictMode>
    <Page />
  </StrictMode>,
)
