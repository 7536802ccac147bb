import { ApolloProvider } from '@apollo/client/react'
import { StrictMode, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { Board } from './board'
import { client, loadTokens } from './session'
import { SignIn } from './sign-in'
import './style.css'

function Page() {
  const [isSignedIn, setSignedIn] = useState(() => loadTokens() !== null)
  return isSignedIn ? <Board /> : <SignIn onSignedIn={() => setSignedIn(true)} />
}

createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <ApolloProvider client={client}>
      <Page />
    </ApolloProvider>
  </StrictMode>,
)
