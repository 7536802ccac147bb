import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Bus, longestMessage } from '../../stores/bus/port.ts'

export interface BusWorld {
  /** Two ends of one bus: of two processes, or twice the same where there is but one process. */
  open(): Promise<{ readonly here: Bus; readonly there: Bus; close(): Promise<void> }>
}

/** What every bus must do, whoever carries its messages. */
export function busContract(name: string, world: BusWorld): void {
  describe(`bus: ${name}`, () => {
    let ends: Awaited<ReturnType<BusWorld['open']>>
    beforeAll(async () => {
      ends = await world.open()
    })
    afterAll(() => ends.close())

    /** What a listener hears until one message has come that is sent last of all; no other end may have heard it yet. */
    async function heard(bus: Bus, publish: () => void): Promise<string[]> {
      const messages: string[] = []
      const last = randomUUID()
      const stop = bus.subscribe('session-ended', (message) => messages.push(message))
      publish()
      ends.there.publish('session-ended', last)
      await vi.waitFor(() => expect(messages).toContain(last), { timeout: 5000, interval: 5 })
      stop()
      return messages.slice(0, -1)
    }

    test('carries a message to the listeners of its topic, at both ends', async () => {
      const other = vi.fn()
      const stop = ends.here.subscribe('events', other)
      const messages = ['', 'a', "it's \u0000 “odd”\n", 'x'.repeat(longestMessage), '東'.repeat(longestMessage)]
      const publish = () => {
        for (const message of messages) ends.there.publish('session-ended', message)
      }
      expect(new Set(await heard(ends.here, publish))).toEqual(new Set(messages))
      expect(new Set(await heard(ends.there, publish))).toEqual(new Set(messages))
      stop()
      expect(other).not.toHaveBeenCalled()
    })

    test('gives the message to each of several listeners, and to none that has left', async () => {
      const [staying, leaving] = [vi.fn(), vi.fn()]
      const stopStaying = ends.here.subscribe('session-ended', staying)
      ends.here.subscribe('session-ended', leaving)()
      await heard(ends.here, () => ends.there.publish('session-ended', 'm'))
      stopStaying()
      expect(staying).toHaveBeenCalledWith('m')
      expect(leaving).not.toHaveBeenCalled()
    })

    test("does not call a listener in the publisher's own turn", async () => {
      const listener = vi.fn()
      const stop = ends.here.subscribe('events', listener)
      ends.here.publish('events')
      expect(listener).not.toHaveBeenCalled()
      await vi.waitFor(() => expect(listener).toHaveBeenCalledWith(''), { timeout: 5000, interval: 5 })
      stop()
    })

    test('refuses a message that is too long', () => {
      expect(() => ends.here.publish('events', 'x'.repeat(longestMessage + 1))).toThrow(RangeError)
    })

    test('is silent once it is closed, and closes twice', async () => {
      const closing = await world.open()
      const listener = vi.fn()
      closing.here.subscribe('events', listener)
      await closing.here.close()
      closing.here.publish('events')
      await closing.close()
      await heard(ends.here, () => ends.there.publish('session-ended', 'm'))
      expect(listener).not.toHaveBeenCalled()
    })
  })
}
