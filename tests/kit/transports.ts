import { once } from 'node:events'
import { WebSocket } from 'ws'
import type { EdgeWorld } from './edge.ts'
import type { Answer } from './federation.ts'

/** The parameters of a request, as a client would send them. */
export type Request = Readonly<Record<string, unknown>>

type Transport = (world: EdgeWorld, request: Request, authorization?: string) => Promise<Answer>

const credentials = (authorization: string | undefined) => (authorization === undefined ? {} : { authorization })

/** The first answer to a request, over each way that a client may take. */
export const transports: Readonly<Record<'POST' | 'GET' | 'WebSocket' | 'SSE', Transport>> = {
  async POST(world, request, authorization) {
    return (await world.post(request, credentials(authorization))).json() as Promise<Answer>
  },

  async GET(world, request, authorization) {
    const search = new URLSearchParams()
    for (const [name, value] of Object.entries(request)) {
      search.set(name, typeof value === 'string' ? value : JSON.stringify(value))
    }
    const headers = { 'apollo-require-preflight': '1', ...credentials(authorization) }
    return (await fetch(`${world.url}?${search}`, { headers })).json() as Promise<Answer>
  },

  async WebSocket(world, request, authorization) {
    const socket = new WebSocket(world.url.replace('http', 'ws'), 'graphql-transport-ws')
    await once(socket, 'open')
    const next = async () => JSON.parse(String((await once(socket, 'message'))[0]))
    socket.send(JSON.stringify({ type: 'connection_init', payload: credentials(authorization) }))
    await next()
    socket.send(JSON.stringify({ type: 'subscribe', id: '1', payload: request }))
    const message = await next()
    socket.terminate()
    return message.type === 'error' ? { errors: message.payload } : message.payload
  },

  async SSE(world, request, authorization) {
    const response = await world.post(request, { accept: 'text/event-stream', ...credentials(authorization) })
    const text = await response.text()
    return JSON.parse(/^data: (\{.*)$/m.exec(text)?.[1] ?? text)
  },
}

export const transportNames = Object.keys(transports) as (keyof typeof transports)[]
