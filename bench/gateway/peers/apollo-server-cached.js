import { ApolloServer } from '@apollo/server'
import { startStandaloneServer } from '@apollo/server/standalone'

// What Apollo Server costs where there is nothing left to do: a known operation, answered with a string that is kept,
// by a server that is started as Apollo's documents start it.

const [url, typeDefs, body] = process.argv.slice(2)
const headers = { 'content-type': 'application/json' }
const text = await fetch(url, { method: 'POST', headers, body }).then((response) => response.text())
const kept = { kind: 'single', singleResult: { data: {} } }

const server = new ApolloServer({
  typeDefs,
  plugins: [
    {
      requestDidStart: async () => ({
        responseForOperation: async ({ response }) => ({ http: response.http, body: kept }),
      }),
    },
  ],
  stringifyResult: () => text,
})
const { url: own } = await startStandaloneServer(server, { listen: { port: 0, host: '127.0.0.1' } })
console.log(`ready at ${own}`)
