import { randomUUID } from 'node:crypto'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Postgres } from '../../stores/postgres/postgres.ts'
import type { SecurityContext } from '../../stores/postgres/security.ts'
import { contextOf } from '../kit/contexts.ts'
import { describeEachPostgres } from '../kit/postgres.ts'

describeEachPostgres('Prisma over the security-context pool', (world) => {
  const tenantId = randomUUID()
  let store: Postgres
  let user: SecurityContext

  beforeAll(async () => {
    store = world().open()
    await world().sql('INSERT INTO app.tenants (id, name) VALUES ($1, $2)', [tenantId, 'test'])
  })

  beforeEach(() => {
    user = contextOf({ tenantId })
  })

  const session = (owner: SecurityContext, title: string) => ({
    id: randomUUID(),
    tenantId,
    ownerId: owner.userId as string,
    mode: 'SIMPLE',
    title,
    createdAt: new Date(),
    updatedAt: new Date(),
  })
  const open = async (owner: SecurityContext, title: string) =>
    store.write(owner, (tx) => tx.prisma.chatSession.create({ data: session(owner, title) }))
  const titles = async (owner: SecurityContext) =>
    (await store.read(owner, (db) => db.prisma.chatSession.findMany({ orderBy: { ordinal: 'asc' } }))).map(
      ({ title }) => title,
    )

  test('never joins the look-ups of two viewers, though they fall into one tick', async () => {
    const other = contextOf({ tenantId })
    const mine = await open(user, 'mine')
    const theirs = await open(other, 'theirs')
    const found = await Promise.all([
      store.read(user, (db) => db.prisma.chatSession.findUnique({ where: { id: mine.id } })),
      store.read(other, (db) => db.prisma.chatSession.findUnique({ where: { id: mine.id } })),
      store.read(user, (db) => db.prisma.chatSession.findUnique({ where: { id: theirs.id } })),
      store.read(other, (db) => db.prisma.chatSession.findUnique({ where: { id: theirs.id } })),
    ])
    expect(found.map((row) => row?.title ?? null)).toEqual(['mine', null, null, 'theirs'])
    await expect(
      store.read(other, (db) => db.prisma.chatSession.findUniqueOrThrow({ where: { id: mine.id } })),
    ).rejects.toMatchObject({ code: 'P2025' })
  })

  test('writes in the transaction that plain SQL writes in', async () => {
    const attempt = store.write(user, async (tx) => {
      const { id } = await tx.prisma.chatSession.create({ data: session(user, 'seen by SQL') })
      expect(await tx.query('SELECT title FROM memory.chat_sessions WHERE id = $1', [id])).toEqual([
        { title: 'seen by SQL' },
      ])
      throw new Error('undo both')
    })
    await expect(attempt).rejects.toThrow('undo both')
    expect(await titles(user)).toEqual([])
  })

  test('refuses a row of another owner', async () => {
    const attempt = store.write(user, (tx) => tx.prisma.chatSession.create({ data: session(contextOf(), 'not mine') }))
    await expect(attempt).rejects.toThrow(/row-level security/)
  })

  test('refuses a query that is awaited outside its context', async () => {
    const escaped: PromiseLike<unknown>[] = []
    await store.read(user, async (db) => {
      escaped.push(db.prisma.chatSession.findMany())
    })
    await expect(Promise.resolve(escaped[0])).rejects.toThrow(/needs a security context/)
  })

  describe('a transaction of its own', () => {
    test('inside write is a part of it, and may fail alone', async () => {
      await store.write(user, async (tx) => {
        await tx.prisma.$transaction([
          tx.prisma.chatSession.create({ data: session(user, 'one') }),
          tx.prisma.chatSession.create({ data: session(user, 'two') }),
        ])
        const twice = session(user, 'twice')
        const failing = tx.prisma.$transaction([
          tx.prisma.chatSession.create({ data: twice }),
          tx.prisma.chatSession.create({ data: twice }),
        ])
        await expect(failing).rejects.toMatchObject({ code: 'P2002' })
        await tx.prisma.chatSession.create({ data: session(user, 'three') })
      })
      expect(await titles(user)).toEqual(['one', 'two', 'three'])
    })

    test('inside write waits for the one before it', async () => {
      await store.write(user, async (tx) => {
        const pair = (name: string) =>
          tx.prisma.$transaction([
            tx.prisma.chatSession.create({ data: session(user, `${name} 1`) }),
            tx.prisma.chatSession.create({ data: session(user, `${name} 2`) }),
          ])
        await Promise.all([pair('a'), pair('b')])
      })
      expect(await titles(user)).toEqual(['a 1', 'a 2', 'b 1', 'b 2'])
    })

    test('inside read sees one snapshot, under the same policies', async () => {
      await open(contextOf({ tenantId }), 'someone else’s')
      await open(user, 'mine')
      const [rows, count] = await store.read(user, (db) =>
        db.prisma.$transaction([db.prisma.chatSession.findMany(), db.prisma.chatSession.count()], {
          isolationLevel: 'RepeatableRead',
        }),
      )
      expect([rows.map(({ title }) => title), count]).toEqual([['mine'], 1])
    })

    test('inside read may not write', async () => {
      const attempt = store.read(user, (db) =>
        db.prisma.$transaction([db.prisma.chatSession.create({ data: session(user, 'sneaked in') })]),
      )
      await expect(attempt).rejects.toThrow(/read-only transaction/)
    })
  })
})
