import { createServer } from 'node:http'
import { ApolloServer, HeaderMap } from '@apollo/server'

// What Apollo Server costs where there is nothing left to do: a known operation, answered with a string that is kept.
// It stands behind the least adapter that there can be, so that this is Apollo Server at its cheapest.

const text = await fetch(process.argv[2], {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: process.argv[4],
}).then((response) => response.text())

const server = new ApolloServer({
  typeDefs: process.argv[3],
  csrfPrevention: false,
  plugins: [{ requestDidStart: async () => ({ responseForOperation: async () => kept }) }],
  stringifyResult: () => text,
})
const kept = {
  http: { headers: new HeaderMap(), status: undefined },
  body: { kind: 'single', singleResult: { data: {} } },
}
await server.start()
const http = createServer((req, res) => {
  const chunks = []
  req.on('data', (chunk) => chunks.push(chunk))
  req.on('end', async () => {
    const headers = new HeaderMap()
    for (const name in req.headers) headers.set(name, req.headers[name])
    const body = JSON.parse(Buffer.concat(chunks).toString())
    const httpGraphQLRequest = { method: 'POST', search: '', headers, body }
    const answer = await server.executeHTTPGraphQLRequest({ httpGraphQLRequest, context: async () => ({}) })
    for (const [name, value] of answer.headers) res.setHeader(name, value)
    res.statusCode = answer.status ?? 200
    res.end(answer.body.string)
  })
})
http.listen(0, '127.0.0.1', () => console.log(`ready at http://127.0.0.1:${http.address().port}/graphql`))
