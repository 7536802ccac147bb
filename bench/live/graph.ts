import { buildSubgraphSchema } from '@apollo/subgraph'
import { parse } from 'graphql'
import { createLocalChannel } from '../../gateway/engine/channel/local.ts'
import { compose } from '../../gateway/engine/compose.ts'
import { createEngine } from '../../gateway/engine/engine.ts'

const link = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])`

const kept = 100

/** Emits the events of the bench's one subscription. */
export class Emitter {
  readonly #waiting = new Set<() => void>()
  /** The latest ones by their number; whoever follows is never further behind. */
  readonly #texts = new Map<number, string>()
  #count = 0

  emit(text: string): void {
    this.#texts.set(this.#count, text)
    this.#texts.delete(this.#count - kept)
    this.#count += 1
    for (const wake of [...this.#waiting]) wake()
  }

  async *follow() {
    for (let at = this.#count; ; at++) {
      while (at >= this.#count) {
        await new Promise<void>((resolve) => {
          const wake = () => {
            this.#waiting.delete(wake)
            resolve()
          }
          this.#waiting.add(wake)
        })
      }
      const live = { cursor: `c${at + 1}`, resync: false, lagging: false }
      yield { added: { id: String(at), text: this.#texts.get(at) }, extensions: { live } }
    }
  }
}

/** A graph of two subgraphs: every event of the one is joined with what the other knows. */
export function benchEngine(emitter: Emitter) {
  const subgraphs = {
    notes: {
      sdl: `type Query { notes: Int }
        type Subscription { added: Note! }
        type Note @key(fields: "id") { id: ID! text: String! }`,
      resolvers: { Subscription: { added: { subscribe: () => emitter.follow() } } },
    },
    authors: {
      sdl: 'type Note @key(fields: "id") { id: ID! author: String! }',
      resolvers: { Note: { author: ({ id }: { id: string }) => `author ${id}` } },
    },
  }
  const parts = Object.entries(subgraphs).map(([name, { sdl, resolvers }]) => {
    const typeDefs = parse(`${link}\n${sdl}`)
    return { name, sdl: `${link}\n${sdl}`, schema: buildSubgraphSchema([{ typeDefs, resolvers: resolvers as never }]) }
  })
  return createEngine({
    supergraphSdl: compose(parts.map(({ name, sdl }) => ({ name, url: `http://${name}.test`, typeDefs: sdl }))),
    channelFor: ({ name }) => {
      const part = parts.find((candidate) => candidate.name === name)
      if (!part) throw new Error(`there is no subgraph ${name}`)
      return createLocalChannel({ schema: part.schema, contextFor: () => ({}) })
    },
  })
}

export const subscription = 'subscription { added { id text author } }'

/** The frame in which a client gets an event. */
export function frameOf(id: string, at: number, text: string): string {
  const added = { id: String(at), text, author: `author ${at}` }
  const live = { cursor: `c${at + 1}`, resync: false, lagging: false }
  return JSON.stringify({ id, type: 'next', payload: { data: { added }, extensions: { live } } })
}
