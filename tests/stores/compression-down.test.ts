import { expect, test } from 'vitest'
import { migrate } from '../../stores/postgres/migrate.ts'
import { describeEachPostgres } from '../kit/postgres.ts'
import { openMemoryWorld, verbs } from '../memory/world.ts'

const content = 'The surveyor waited at the old harbour for the ferry, which had left at half past nine that morning.'

describeEachPostgres('going back before compression', (database) => {
  test('is refused while something is packed, and loses nothing when all is plain again', async () => {
    const world = await openMemoryWorld({ database: database() })
    const act = async (mutation: string) => Object.values(await world.ask(world.owner, `mutation { ${mutation} }`))[0]
    const rule = (action: string) =>
      act(`setPolicyRule(input: { name: "cold", kind: COMPRESSION, action: ${action} }) { __typename }`)
    const compress = () =>
      act('compressColdMemories(input: {}) { ... on CompressColdMemoriesSuccess { compressed expanded } }')
    const down = () => migrate(database().admin, { direction: 'down', to: 95 })
    const said = () => database().sql('SELECT content FROM memory.revisions')
    await verbs(world, world.owner).remember(content)
    await rule('COMPRESS')
    expect(await compress()).toEqual({ compressed: 1, expanded: 0 })
    await expect(down()).rejects.toThrow('Some memories are compressed.')
    expect(await said()).toEqual([{ content: null }])
    // The migrations after it have gone by then; the program needs them.
    await migrate(database().admin, { direction: 'up' })
    await rule('EXPAND')
    expect(await compress()).toEqual({ compressed: 0, expanded: 1 })
    await world.close()
    await down()
    expect(await said()).toEqual([{ content }])
    expect(await database().sql('SELECT FROM memory.policy_rules')).toEqual([])
    expect(await database().sql('SELECT FROM memory.policy_decisions')).toEqual([])
    const forced = `SELECT relname FROM pg_class WHERE relnamespace = 'memory'::regnamespace AND relrowsecurity
      AND NOT relforcerowsecurity`
    expect(await database().sql(forced)).toEqual([])
    await migrate(database().admin, { direction: 'up' })
    expect(await said()).toEqual([{ content }])
  })
})
