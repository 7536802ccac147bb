import { expect, test } from 'vitest'
import { silentLog } from '../../lib/log.ts'
import { migrate } from '../../stores/postgres/migrate.ts'
import { runProjectors } from '../../stores/projector.ts'
import { room } from '../../subgraphs/memory/index.ts'
import { describeEachPostgres } from '../kit/postgres.ts'
import { type Data, type MemoryWorld, openMemoryWorld, verbs } from '../memory/world.ts'

const similar = 'query ($id: ID!) { chatSession(id: $id) { similarSessions { hits { session { id } } } } }'

describeEachPostgres('going back before vectors of sessions, and on again', (database) => {
  test('leaves none behind, and gives the sessions that are there theirs', async () => {
    const open = async () => {
      const world = await openMemoryWorld({ database: database() })
      const projectors = await runProjectors(world.stores, room.projectors?.(world.stores) ?? [], silentLog())
      await projectors.caughtUp()
      return {
        world,
        close: async () => {
          await projectors.close()
          await world.close()
        },
      }
    }
    const alike = async (world: MemoryWorld, viewer: MemoryWorld['owner'], id: string): Promise<string[]> =>
      (await world.ask(viewer, similar, { id })).chatSession.similarSessions.hits.map(({ session }: Data) => session.id)
    const vectors = () => database().sql('SELECT FROM memory.embeddings')

    const before = await open()
    const viewer = before.world.owner
    const mine = verbs(before.world, viewer)
    const [one = '', other = ''] = [await mine.openSession(), await mine.openSession()]
    for (const sessionId of [one, other]) {
      await mine.act('append', {
        sessionId,
        remember: false,
        messages: [{ role: 'USER', content: 'The ferry sails.' }],
      })
    }
    await before.close()
    const between = await open()
    expect(await alike(between.world, viewer, one)).toEqual([other])
    await between.close()
    await migrate(database().admin, { direction: 'down', to: 145 })
    expect(await vectors()).toEqual([])
    await database().sql('DELETE FROM events.log')
    await migrate(database().admin, { direction: 'up' })
    const after = await open()
    expect(await alike(after.world, viewer, one)).toEqual([other])
    await after.close()
    const forced = `SELECT relname FROM pg_class WHERE relnamespace IN ('memory'::regnamespace, 'events'::regnamespace)
      AND relrowsecurity AND NOT relforcerowsecurity`
    expect(await database().sql(forced)).toEqual([])
  })
})
