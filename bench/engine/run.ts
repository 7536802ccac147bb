import { parse } from 'graphql'
import { createEngine } from '../../gateway/engine/engine.ts'
import type { Engine, OperationRequest } from '../../gateway/engine/types.ts'
import { Federation, type FederationOptions, testContext } from '../../tests/kit/federation.ts'
import { median, printTable } from '../table.ts'

// What the engine costs beside the least that any gateway must do: read the subgraphs' answers as JSON. Answers are
// recorded once and played back, so that no subgraph's work is counted.
//
//   node --max-semi-space-size=64 bench/gateway/run.ts [repetitions of the smallest]

const repetitions = Number(process.argv[2] ?? 20_000)
const sentence = 'lorem ipsum dolor sit amet '

const query = `{
  products {
    id name description price tags inStock warehouse { id name shelf }
    reviews { id body stars author { id name email address { street city zip } } }
  }
}`

/** A shop of four subgraphs with this many products, each with five reviews by one of thirty users. */
function shop(products: number, wrap: NonNullable<FederationOptions['wrap']>): Federation {
  const ids = Array.from({ length: products }, (_, index) => `p${index}`)
  return new Federation(
    {
      products: {
        sdl: `
        type Query { products: [Product!]! }
        type Product @key(fields: "id") { id: ID! name: String! description: String price: Int tags: [String!]! }`,
        resolvers: {
          Query: {
            products: () =>
              ids.map((id, price) => ({
                id,
                name: `Product ${id}`,
                description: sentence.repeat(3),
                price,
                tags: ['a', 'b', 'c'],
              })),
          },
        },
      },
      reviews: {
        sdl: `
        type Product @key(fields: "id") { id: ID! reviews: [Review!]! }
        type Review { id: ID! body: String! stars: Int author: User! }
        type User @key(fields: "id") { id: ID! }`,
        resolvers: {
          Product: {
            reviews: ({ id }: { id: string }) =>
              [0, 1, 2, 3, 4].map((stars) => ({
                id: `${id}r${stars}`,
                body: sentence.repeat(2),
                stars,
                author: { id: `u${(stars * 7 + Number(id.slice(1))) % 30}` },
              })),
          },
        },
      },
      users: {
        sdl: `
        type User @key(fields: "id") { id: ID! name: String! email: String address: Address }
        type Address { street: String city: String zip: String }`,
        resolvers: {
          User: {
            name: ({ id }: { id: string }) => `User ${id}`,
            email: ({ id }: { id: string }) => `${id}@example.com`,
            address: () => ({ street: 'Main street 1', city: 'Bern', zip: '3000' }),
          },
        },
      },
      stock: {
        sdl: `
        type Product @key(fields: "id") { id: ID! inStock: Boolean! warehouse: Warehouse }
        type Warehouse { id: ID! name: String! shelf: Int }`,
        resolvers: {
          Product: {
            inStock: () => true,
            warehouse: ({ id }: { id: string }) => ({ id: `w${id}`, name: 'West', shelf: 3 }),
          },
        },
      },
    },
    { wrap },
  )
}

/** The answers that the subgraphs give, as text, by subgraph and operation. */
async function record(products: number): Promise<{ supergraphSdl: string; answers: Map<string, string> }> {
  const answers = new Map<string, string>()
  const federation = shop(products, (name, channel) => ({
    ...channel,
    async execute(sent) {
      const response = await channel.execute(sent)
      answers.set(`${name} ${sent.operation}`, JSON.stringify(response))
      return response
    },
  }))
  await federation.engine.execute(request())
  return { supergraphSdl: federation.supergraphSdl, answers }
}

const document = parse(query)

function request(): OperationRequest {
  return { query, document, operationName: undefined, variables: {}, context: testContext() }
}

/** CPU milliseconds of one run: the median of rounds, after one that warms up. */
async function cost(run: () => unknown, times: number): Promise<number> {
  const rounds: number[] = []
  for (let round = 0; round < 6; round++) {
    const before = process.cpuUsage()
    for (let i = 0; i < times; i++) await run()
    const { user, system } = process.cpuUsage(before)
    rounds.push((user + system) / 1000 / times)
  }
  return median(rounds.slice(1))
}

/** Plays the answers back in process, as text that is parsed for each request, as from a network. */
function played(supergraphSdl: string, answers: ReadonlyMap<string, string>): Engine {
  return createEngine({
    supergraphSdl,
    channelFor: ({ name }) => ({
      async execute(sent) {
        if (sent.variablesText === '') throw new Error('a request without variables')
        return JSON.parse(answers.get(`${name} ${sent.operation}`) as string)
      },
      subscribe: () => Promise.reject(new Error('not recorded')),
      close: async () => {},
    }),
  })
}

const rows: Record<string, string | number>[] = []
for (const products of [1, 10, 100, 1000]) {
  const { supergraphSdl, answers } = await record(products)
  const texts = [...answers.values()]
  const engine = played(supergraphSdl, answers)
  const { text } = await engine.execute(request())
  const times = Math.max(10, Math.round(repetitions / products))
  const floor = await cost(() => texts.map((each) => JSON.parse(each)), times)
  const whole = await cost(() => engine.execute(request()), times)
  rows.push({
    products,
    'answer, KiB': (text.length / 1024).toFixed(1),
    'reading JSON, CPU-ms': floor.toFixed(3),
    'engine with it, CPU-ms': whole.toFixed(3),
    ratio: (whole / floor).toFixed(2),
    'engine alone per product, µs': (((whole - floor) / products) * 1000).toFixed(1),
  })
}
printTable('Engine over four subgraphs, answers played back', rows)
