import { buildSubgraphSchema } from '@apollo/subgraph'
import { type GraphQLSchema, parse, validate } from 'graphql'
import { createLocalChannel } from '../../gateway/engine/channel/local.ts'
import { compose } from '../../gateway/engine/compose.ts'
import { createEngine, type EngineOptions, type LoadingEngine } from '../../gateway/engine/engine.ts'
import type { Channel, SubgraphRequest } from '../../gateway/engine/types.ts'
import type { RequestContext } from '../../lib/context.ts'
import { systemClock, systemIds } from '../../lib/sources.ts'

// biome-ignore lint/suspicious/noExplicitAny: fixtures' resolvers take whatever their own schema gives them.
export type Resolvers = Record<string, any>

/** A subgraph of a test: its own fields as SDL, without the `@link`, and how they resolve. */
export interface SubgraphFixture {
  readonly sdl: string
  readonly resolvers?: Resolvers
}

const link = `extend schema @link(
  url: "https://specs.apollo.dev/federation/v2.9"
  import: ["@key", "@shareable", "@requires", "@provides", "@external", "@inaccessible", "@override",
    "@interfaceObject", "@tag", "@extends", "@composeDirective"]
)
`

export interface FederationOptions extends Partial<EngineOptions> {
  /** Puts something between the engine and a subgraph. */
  wrap?(name: string, channel: Channel): Channel
  /** The supergraph to serve in place of the composed one. */
  readonly supergraphSdl?: string
}

/** What the engine answered, and what it asked for that. */
export interface Answer {
  readonly data?: unknown
  readonly errors?: readonly {
    message: string
    path?: readonly (string | number)[]
    extensions?: Record<string, unknown>
  }[]
  readonly extensions?: Record<string, unknown>
}

/** A graph of in-process subgraphs behind the engine. */
export class Federation {
  readonly engine: LoadingEngine
  readonly supergraphSdl: string
  /** Every request that a subgraph got, in order. */
  readonly requests: SubgraphRequest[] = []

  constructor(subgraphs: Readonly<Record<string, SubgraphFixture>>, options: FederationOptions = {}) {
    const schemas = new Map<string, GraphQLSchema>()
    for (const [name, { sdl, resolvers = {} }] of Object.entries(subgraphs)) {
      schemas.set(name, buildSubgraphSchema([{ typeDefs: parse(withLink(sdl)), resolvers }]))
    }
    this.supergraphSdl =
      options.supergraphSdl ??
      compose(
        Object.entries(subgraphs).map(([name, { sdl }]) => ({
          name,
          url: `http://${name}.test`,
          typeDefs: withLink(sdl),
        })),
      )
    this.engine = createEngine({
      ...options,
      supergraphSdl: this.supergraphSdl,
      channelFor: ({ name }) => {
        const schema = schemas.get(name) as GraphQLSchema
        const channel = this.#recorded(schema, createLocalChannel({ schema, contextFor: () => ({}) }))
        return options.wrap?.(name, channel) ?? channel
      },
    })
  }

  async run(query: string, variables: Record<string, unknown> = {}, context = testContext()): Promise<Answer> {
    const request = this.#request(query, variables, context)
    return JSON.parse((await this.engine.execute(request)).text)
  }

  async subscribe(query: string, variables: Record<string, unknown> = {}, context = testContext()) {
    return this.engine.subscribe(this.#request(query, variables, context))
  }

  #request(query: string, variables: Record<string, unknown>, context: RequestContext) {
    const document = parse(query)
    const invalid = validate(this.engine.schema, document)
    if (invalid.length > 0) throw new Error(`The test's operation is invalid: ${invalid.join('; ')}`)
    return { query, document, operationName: undefined, variables, context }
  }

  /** Records requests, and refuses what a subgraph over HTTP would refuse: in process nothing is validated again. */
  #recorded(schema: GraphQLSchema, channel: Channel): Channel {
    return {
      execute: async (request) => {
        this.requests.push(request)
        const [invalid] = validate(schema, parse(request.operation))
        if (invalid) throw new Error(`The engine asked for what the subgraph refuses: ${invalid.message}`)
        return channel.execute(request)
      },
      subscribe: (request) => {
        this.requests.push(request)
        return channel.subscribe(request)
      },
      close: () => channel.close(),
    }
  }
}

function withLink(sdl: string): string {
  return sdl.includes('@link(') ? sdl : link + sdl
}

/** The context of a request that nobody signed in for and nothing cuts short. */
export function testContext(signal: AbortSignal = new AbortController().signal): RequestContext {
  return {
    viewer: null,
    deadline: Number.POSITIVE_INFINITY,
    signal,
    traceId: 'test',
    clock: systemClock,
    ids: systemIds,
  }
}
