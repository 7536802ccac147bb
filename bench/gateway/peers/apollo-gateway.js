import { readFileSync } from 'node:fs'
import { ApolloGateway } from '@apollo/gateway'
import { ApolloServer } from '@apollo/server'
import { startStandaloneServer } from '@apollo/server/standalone'

// Stock Apollo Gateway behind stock Apollo Server, as Apollo's documents start it.

const gateway = new ApolloGateway({ supergraphSdl: readFileSync(process.argv[2], 'utf8') })
const server = new ApolloServer({ gateway })
const { url } = await startStandaloneServer(server, { listen: { port: 0, host: '127.0.0.1' } })
console.log(`ready at ${url}`)
