/**
 * What may be asked for without signing in: how to sign in, and whether one has. Everything else is refused to strangers
 * before anything is planned.
 */
export const publicFields: ReadonlySet<string> = new Set([
  'viewer',
  'signUp',
  'signIn',
  'refreshSession',
  'beginPasskeySignIn',
  'finishPasskeySignIn',
])
