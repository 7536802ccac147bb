import type { Server } from '../../gateway/server.ts'
import { controlClient } from '../graph-client.ts'
import type { ImportedRecord } from '../import/conversation.ts'
import { runImport } from '../import/run.ts'
import { conversations } from './story.ts'

const login = 'demo'
const password = 'lighthouse'

const signUp = `mutation Demo($input: SignUpInput!) { signUp(input: $input) { __typename ... on Problem { code message } } }`

/** Fills the server with the small story; a second time adds nothing. Answers what to tell whoever started it. */
export async function tellDemo(server: Server): Promise<string[]> {
  await controlClient(server.controlSocket, null).execute(signUp, {
    input: { username: login, email: 'demo@localhost', password },
  })
  await runImport(controlClient(server.controlSocket, login), records(), {
    agent: 'museum-assistant',
    onProgress: () => {},
    signal: new AbortController().signal,
  })
  await server.projectors.caughtUp()
  return [
    `The demo's story belongs to \`${login}\`, password \`${password}\`: anyone who reaches this address may sign in.`,
  ]
}

async function* records(): AsyncGenerator<ImportedRecord> {
  for (const [index, item] of conversations.entries()) yield { line: index + 1, item }
}
