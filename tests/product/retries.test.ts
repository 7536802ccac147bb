import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Person, type Product, startProduct } from '../kit/product.ts'

let product: Product
let person: Person
beforeAll(async () => {
  product = await startProduct()
  person = await product.join()
})
afterAll(() => product.close())

const remember = `mutation ($input: RememberInput!) { remember(input: $input) {
  __typename ... on RememberSuccess { memory { id content } cursor } ... on Problem { code path } } }`

test('a repeated key gives the same answer and does nothing again, also when both come at once', async () => {
  const input = { content: 'the boiler is serviced in March', clientMutationId: 'once' }
  const answers = await Promise.all([person.ask(remember, { input }), person.ask(remember, { input })])
  answers.push(await person.ask(remember, { input }))
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
  const { memoryStats } = await person.ask('{ memoryStats { count } }')
  expect(memoryStats.count).toBe(1)
})

test('a key used with another input is a conflict, and another user’s key is another key', async () => {
  const input = { content: 'something else', clientMutationId: 'once' }
  expect((await person.ask(remember, { input })).remember).toEqual({
    __typename: 'Conflict',
    code: 'CONFLICT',
    path: ['input', 'clientMutationId'],
  })
  const other = await product.join()
  expect((await other.ask(remember, { input })).remember.memory.content).toBe('something else')
})

test.each(['', 'x'.repeat(257), 'a\0b', '\ud800'])(
  'a key that cannot be kept is refused: %j',
  async (clientMutationId) => {
    const { errors } = await person.send(remember, { input: { content: 'x', clientMutationId } })
    expect(errors?.map((error) => error.extensions.code)).toEqual(['BAD_USER_INPUT'])
  },
)
