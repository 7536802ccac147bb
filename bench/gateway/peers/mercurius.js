import mercuriusGateway from '@mercuriusjs/gateway'
import fastify from 'fastify'

// Mercurius Gateway on Fastify, with its just-in-time compiler on. It composes the subgraphs' own schemas.

const services = JSON.parse(process.argv[2])
const app = fastify()
app.register(mercuriusGateway, { gateway: { services }, jit: 1 })
const address = await app.listen({ port: 0, host: '127.0.0.1' })
console.log(`ready at ${address}/graphql`)
