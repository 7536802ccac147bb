import { EventEmitter } from 'node:events'
import { type Bus, checkMessage } from './port.ts'

/** A bus for the embedded form: one process has nobody else to wake. */
export function inProcessBus(): Bus {
  const emitter = new EventEmitter({ captureRejections: false })
  emitter.setMaxListeners(0)
  return {
    publish(topic, message = '') {
      checkMessage(message)
      // Never in the publisher's own turn: a listener's fault is not the publisher's.
      setImmediate(() => emitter.emit(topic, message))
    },
    subscribe(topic, listener) {
      emitter.on(topic, listener)
      return () => emitter.off(topic, listener)
    },
    async close() {
      emitter.removeAllListeners()
    },
  }
}
