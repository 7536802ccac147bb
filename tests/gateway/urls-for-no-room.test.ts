import { expect, test, vi } from 'vitest'
import type { Channels } from '../../gateway/channels.ts'
import { nobodyObserves } from '../../gateway/engine/observer.ts'
import { openGraph } from '../../gateway/graph.ts'
import { createLog } from '../../lib/log.ts'

test('a URL for a room that is not there is told of without user, password and query', async () => {
  const warn = vi.fn()
  const opening = Promise.reject(new Error('no stores here'))
  opening.catch(() => {})
  const opened = openGraph({
    opening,
    log: Object.assign(createLog('silent'), { warn }),
    urls: { billing: 'http://reader:hidden-word@billing:4001/graphql?key=hidden-key' },
    channels: null as unknown as Channels,
    observer: nobodyObserves,
    keeping: undefined,
  })
  await expect(opened).rejects.toThrow('no stores here')
  const line = [{ name: 'billing', url: 'http://billing:4001/graphql' }, 'A URL is set for no room']
  expect(warn.mock.calls).toEqual([line])
})
